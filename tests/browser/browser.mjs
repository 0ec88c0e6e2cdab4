// Chromium with the page: what a person does and sees, and what must never happen meanwhile.
import assert from 'node:assert/strict'
import axe from 'axe-core'
import puppeteer from 'puppeteer-core'

const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 30_000)
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const KEY = 'wakeeper-api-key'

export async function launch () {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  // As root, as in CI, Chromium has no sandbox.
  return puppeteer.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-dev-shm-usage', '--lang=en-US'] })
}

/** A window of its own, as of another person. `stubs` answer requests before they reach the gateway. */
export class Window {
  static async open (browser, gateway, { key = gateway.key, phone = false, dark = false, stubs = [] } = {}) {
    const context = await browser.createBrowserContext()
    const page = await context.newPage()
    const made = new Window(context, page, gateway, stubs)
    const size = phone ? { width: 390, height: 844, deviceScaleFactor: 2, hasTouch: true } : { width: 1280, height: 860 }
    await page.setViewport(size)
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }])
    await made.watch()
    if (key) {
      await page.evaluateOnNewDocument((name, value) => {
        if (location.protocol.startsWith('http')) sessionStorage.setItem(name, value)
      }, KEY, key)
    }
    return made
  }

  constructor (context, page, gateway, stubs) {
    Object.assign(this, { context, page, gateway, stubs })
    this.requests = []
    this.faults = []
    // Answers that a flow asks for on purpose; the browser reports each as an error.
    this.expected = []
    this.visits = 0
  }

  async watch () {
    const { page } = this
    const host = new URL(this.gateway.base).host
    await page.setRequestInterception(true)
    page.on('request', async (request) => {
      const url = new URL(request.url())
      this.requests.push({ method: request.method(), path: url.pathname + url.search, body: request.postData() })
      if (url.protocol.startsWith('http') && url.host !== host) {
        this.faults.push(`a request to another host: ${url}`)
        return request.abort()
      }
      const stub = this.stubs.find((one) => new RegExp(`^${one.path}$`).test(url.pathname) && (one.method ?? 'GET') === request.method())
      if (!stub) return request.continue()
      const answer = await stub.answer({ url, body: request.postData() })
      if (answer.continueAs) return request.continue({ url: answer.continueAs })
      const { status = 200, type = 'application/json', body } = answer
      return request.respond({ status, contentType: type, body: typeof body === 'string' ? body : JSON.stringify(body) })
    })
    page.on('console', (message) => {
      if (!['error', 'warn'].includes(message.type())) return
      const text = `${message.text()} ${message.location().url ?? ''}`
      if (!this.expected.some((pattern) => pattern.test(text))) this.faults.push(`the console: ${text}`)
    })
    page.on('pageerror', (error) => this.faults.push(`an error: ${error.message}`))
    page.on('dialog', (dialog) => {
      this.faults.push(`a dialog: ${dialog.message()}`)
      dialog.dismiss()
    })
  }

  async go (hash = '#/') {
    // Another query makes it a visit of its own, where another hash alone would stay on the page.
    this.visits += 1
    await this.page.goto(`${this.gateway.base}?${this.visits}${hash}`, { waitUntil: 'domcontentloaded', timeout: PATIENCE_MS })
    await this.page.waitForSelector('main h1', { timeout: PATIENCE_MS })
  }

  async close () {
    await this.context.close()
    assert.deepEqual(this.faults, [])
  }

  /** Waits until a text is shown. */
  async see (text) {
    const shown = (wanted) => document.body.innerText.includes(wanted)
    await this.page.waitForFunction(shown, { timeout: PATIENCE_MS }, text).catch(async () => {
      const text_ = await this.page.evaluate(() => document.body.innerText)
      throw new Error(`never seen: ${text}\n--- instead:\n${text_.slice(0, 3000)}\n--- and:\n${this.faults.join('\n')}`)
    })
  }

  async gone (text) {
    await this.page.waitForFunction((wanted) => !document.body.innerText.includes(wanted), { timeout: PATIENCE_MS }, text)
  }

  control (role, name) {
    return this.page.locator(`::-p-aria([name="${name}"][role="${role}"])`).setTimeout(PATIENCE_MS)
  }

  press (name) {
    return this.control('button', name).click()
  }

  follow (name) {
    return this.control('link', name).click()
  }

  fill (name, value) {
    return this.control('textbox', name).fill(value)
  }

  check (name) {
    return this.control('checkbox', name).click()
  }

  /** What a screen reader or somebody with weak sight would stumble over. */
  async assertAccessible (where, rules = RULES) {
    await this.page.evaluate(axe.source)
    const { violations } = await this.page.evaluate((only) => globalThis.axe.run({ runOnly: only }), rules)
    const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')} ${node.failureSummary}`))
    assert.deepEqual(found, [], where)
  }

  /** The same view in the dark, where nothing differs but the colours. */
  async assertReadableInTheDark (where) {
    await this.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
    await this.assertAccessible(`${where}, in the dark`, { type: 'rule', values: ['color-contrast'] })
    await this.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
  }

  /** Nothing is wider than the window. */
  async assertFits (where) {
    const [content, window] = await this.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
    assert.ok(content <= window, `${where}: ${content} px in a window of ${window} px`)
  }
}
