import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: 'labextension',
  esbuild: { jsx: 'automatic' },
  test: {
    environment: 'happy-dom',
    include: ['tests/unit/**/*.test.{ts,tsx}'],
    setupFiles: ['tests/setup.ts']
  }
});
