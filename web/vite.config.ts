import { defineConfig } from 'vite';

/** Built into web/dist, which the API serves at /. In development (`npx vite web`) the API is the one on port 8080. */
export default defineConfig({
  root: import.meta.dirname,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    // Icons are inlined in the code; nothing else is worth a base64 copy.
    assetsInlineLimit: 0,
    // Pages preload their own chunks; the polyfill would cost 0.7 KB for browsers that target es2022 excludes.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      '/api': 'http://127.0.0.1:8080',
      '/health': 'http://127.0.0.1:8080',
      '/openapi.json': 'http://127.0.0.1:8080',
    },
  },
});
