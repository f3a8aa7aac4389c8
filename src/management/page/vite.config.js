// Builds the page into `dist`, with relative addresses, so that it can be served under any path.
//
// `npm run dev` serves it while it is being changed; MANAGEMENT_URL says whose API it talks to.

import { defineConfig } from 'vite'

export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    // The first versions that have `light-dark()`, which the colours are made of.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // `default-src 'self'` allows no `data:` address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': process.env.MANAGEMENT_URL ?? 'http://127.0.0.1:15672' },
  },
})
