import { context } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const port = Number(process.argv[2] ?? 8765);

// The light theme is on the page from the start; the dark one is text that a scene adds on top.
const darkTheme = {
  name: 'dark-theme',
  setup(build) {
    const path = createRequire(import.meta.url).resolve(
      '@jupyterlab/theme-dark-extension/style/variables.css'
    );
    build.onResolve({ filter: /^dark-theme$/ }, () => ({ path, namespace: 'text' }));
    build.onLoad({ filter: /.*/, namespace: 'text' }, async () => ({
      contents: await readFile(path),
      loader: 'text'
    }));
  }
};

const bundle = await context({
  entryPoints: { gallery: resolve(here, 'main.tsx') },
  outdir: here,
  write: false,
  bundle: true,
  format: 'esm',
  jsx: 'automatic',
  plugins: [darkTheme],
  define: { 'process.env.NODE_ENV': '"development"' }
});
const { hosts } = await bundle.serve({ servedir: here, port, host: '127.0.0.1' });
console.warn(`http://${hosts[0]}:${port}/index.html?scene=job-running`);
