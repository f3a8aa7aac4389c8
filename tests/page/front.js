// A server in front of the broker's API: it serves the built page as the broker does, passes on what is asked under
// `api/`, counts that, and can lose the broker.
//
// PAGE_FROM_API=1 takes the page from the broker, too, instead of from `src/management/page/dist`.

import { createReadStream, existsSync } from 'node:fs'
import { createServer, request as ask } from 'node:http'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const DIST = fileURLToPath(new URL('../../src/management/page/dist/', import.meta.url))

/** The broker sends the first part; the rest makes every way from a text to code an error. */
const CSP = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'"

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

export class Front {
  #server
  #api
  #sockets = new Set()
  isLost = false
  /** What was asked of the API: `{ method, path, headers }`. */
  asked = []

  static async start(api) {
    const front = new Front()
    front.#api = new URL(api)
    front.#server = createServer((request, response) => front.#answer(request, response))
    front.#server.on('connection', (socket) => {
      front.#sockets.add(socket)
      socket.on('close', () => front.#sockets.delete(socket))
    })
    await new Promise((resolve) => front.#server.listen(0, '127.0.0.1', resolve))
    front.url = `http://127.0.0.1:${front.#server.address().port}/`
    return front
  }

  /** From now on the broker is away: connections are cut without an answer. */
  lose() {
    this.isLost = true
    for (const socket of this.#sockets) socket.destroy()
  }

  find() {
    this.isLost = false
  }

  stop() {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise((resolve) => this.#server.close(resolve))
  }

  #answer(request, response) {
    const isApi = request.url.startsWith('/api/')
    if (isApi && this.isLost) return request.socket.destroy()
    if (isApi) this.asked.push({ method: request.method, path: request.url.slice('/api/'.length), headers: request.headers })
    if (isApi || process.env.PAGE_FROM_API) return this.#pass(request, response)
    this.#file(request.url, response)
  }

  #pass(request, response) {
    const { hostname, port } = this.#api
    // A same-origin request, as the broker sees it.
    const headers = { ...request.headers, host: this.#api.host }
    if (headers.origin) headers.origin = this.#api.origin
    const passed = ask({ hostname, port, path: request.url, method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    request.pipe(passed)
  }

  #file(url, response) {
    const name = url === '/' ? 'index.html' : decodeURIComponent(url.split('?')[0])
    const file = path.join(DIST, path.normalize(`/${name}`))
    if (!existsSync(file)) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream',
      'Content-Security-Policy': CSP,
      'X-Content-Type-Options': 'nosniff',
    })
    createReadStream(file).pipe(response)
  }
}
