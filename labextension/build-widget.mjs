import { build } from 'esbuild';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

await build({
  entryPoints: { widget: resolve(here, 'src/widget/index.tsx') },
  outdir: resolve(here, '../jupyter_ml/static'),
  bundle: true,
  format: 'esm',
  jsx: 'automatic',
  legalComments: 'none',
  define: { 'process.env.NODE_ENV': '"production"' },
  minify: true,
  target: ['es2022']
});
