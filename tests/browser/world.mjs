// What the page stands on: a gateway, the simulated WhatsApp, and a receiver of webhooks.
import assert from 'node:assert/strict'
import { createServer, request as ask } from 'node:http'

const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 30_000)

async function json (method, url, body, headers = {}) {
  const answer = await fetch(url, { method, headers: { 'content-type': 'application/json', ...headers }, body: body && JSON.stringify(body) })
  const text = await answer.text()
  assert.ok(answer.ok, `${method} ${url}: ${answer.status} ${text}`)
  return text ? JSON.parse(text) : null
}

/** Tries until it works. */
export async function eventually (what, work) {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (Date.now() > end) throw new Error(`${what}: ${error.message}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

export class Gateway {
  constructor (base, key) {
    Object.assign(this, { base, key })
  }

  call (method, path, body) {
    return json(method, this.base + path, body, { 'x-api-key': this.key })
  }

  qr (session) {
    return eventually('a QR code', async () => (await this.call('GET', `api/${session}/auth/qr?format=raw`)).value)
  }

  working (session) {
    return eventually(`${session} works`, async () => assert.equal((await this.call('GET', `api/sessions/${session}`)).status, 'WORKING'))
  }
}

export class Simulator {
  constructor (base) {
    this.base = base
  }

  async phone (number, name) {
    await json('POST', `${this.base}/sim/phones`, { number, name })
    return this.known(number)
  }

  /** One that was made already. */
  known (number) {
    return {
      number,
      chat: `${number}@c.us`,
      post: (what, body) => json('POST', `${this.base}/sim/phones/${number}/${what}`, body),
      inbox: async () => (await json('GET', `${this.base}/sim/phones/${number}/inbox`)).messages
    }
  }
}

/** The gateway below a path of a proxy, as people put it behind nginx. */
export async function below (gateway, prefix) {
  const server = createServer((request, response) => {
    if (!request.url.startsWith(prefix)) return response.writeHead(404).end()
    const target = new URL(request.url.slice(prefix.length), gateway.base)
    const passed = ask(target, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    response.on('close', () => passed.destroy())
    request.pipe(passed)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const made = new Gateway(`http://127.0.0.1:${server.address().port}${prefix}`, gateway.key)
  made.stop = () => {
    server.close()
    server.closeAllConnections()
  }
  return made
}

/** A program that takes webhooks, or does not. */
export class Receiver {
  static async start () {
    const made = new Receiver()
    made.server = createServer((request, response) => {
      const parts = []
      request.on('data', (part) => parts.push(part))
      request.on('end', () => {
        made.received.push({ headers: request.headers, body: JSON.parse(Buffer.concat(parts)) })
        response.writeHead(made.status).end()
      })
    })
    await new Promise((resolve) => made.server.listen(0, '127.0.0.1', resolve))
    made.url = `http://127.0.0.1:${made.server.address().port}/hook`
    return made
  }

  received = []
  status = 200

  stop () {
    this.server.close()
    this.server.closeAllConnections()
  }
}
