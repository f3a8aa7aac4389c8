// What holds for the page before it is opened: its size, its text, and what it must not contain.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const PAGE = fileURLToPath(new URL('../../src/management/page/', import.meta.url))
const BUNDLE_BYTES_MAX = 100 * 1024
const LINES_MAX = 300

function files(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile())
}

const sources = files(path.join(PAGE, 'src')).map((file) => ({ file, text: readFileSync(file, 'utf8') }))

test('the bundle is small', () => {
  const size = files(path.join(PAGE, 'dist')).reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0)
  assert.ok(size <= BUNDLE_BYTES_MAX, `${size} bytes`)
})

test('nothing is inline, and nothing comes from elsewhere', () => {
  const html = readFileSync(path.join(PAGE, 'dist/index.html'), 'utf8')
  assert.doesNotMatch(html, /<style|style=|javascript:|<script(?![^>]*\bsrc=)|\son\w+=/i)
  assert.doesNotMatch(html, /(src|href)="(?!\.\/)/)
  for (const file of files(path.join(PAGE, 'dist')).filter((name) => name.endsWith('.css'))) {
    assert.doesNotMatch(readFileSync(file, 'utf8'), /url\(|@import/)
  }
})

test('text is only ever a text node', () => {
  const forbidden = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\(|new Function|setAttribute|style=/
  for (const { file, text } of sources) assert.doesNotMatch(text, forbidden, file)
})

test('the password has no place but the memory of one module', () => {
  const forbidden = /sessionStorage|indexedDB|document\.cookie/
  for (const { file, text } of sources) {
    assert.doesNotMatch(text, forbidden, file)
    if (!file.endsWith('theme.js')) assert.doesNotMatch(text, /localStorage/, file)
    if (!file.endsWith('api/client.js')) assert.doesNotMatch(text, /authorization/i, file)
  }
})

test('every file says what it is for, and is short', () => {
  for (const { file, text } of sources) {
    assert.match(text, /^(\/\/|\/\*) [A-Z]/, file)
    assert.ok(text.split('\n').length <= LINES_MAX, file)
  }
})
