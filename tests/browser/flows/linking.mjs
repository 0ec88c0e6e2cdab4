// From a fresh gateway to linked numbers: the key, a scan, a code, a passkey.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Window } from '../browser.mjs'
import { care } from '../stubs.mjs'

const AUTHENTICATOR = fileURLToPath(new URL('../../peers/passkey.mjs', import.meta.url))
const passkey = (...words) => JSON.parse(execFileSync('node', [AUTHENTICATOR, ...words]))

export async function wrongKey ({ browser, gateway }) {
  const window = await Window.open(browser, gateway, { key: '', stubs: care().stubs })
  window.expected.push(/status of 401/)
  await window.go()
  await window.fill('API key', 'not-the-key-of-this-gateway')
  await window.press('Open')
  await window.see('That key is not right.')
  await window.assertAccessible('the wrong key')
  await window.fill('API key', gateway.key)
  await window.press('Open')
  await window.see('Link your number')
  assert.equal(await window.page.evaluate(() => localStorage.length), 0, 'the key stays in the tab')
  await window.press('Forget key')
  await window.see('The gateway printed it')
  await window.close()
}

export async function scan ({ browser, gateway, simulator }) {
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  await window.go()
  await window.page.waitForSelector('img.qr', { timeout: 15_000 })
  await window.see('On your phone')
  await window.assertAccessible('the QR code')
  const phone = await simulator.phone('491701000001', 'Anna')
  await phone.post('scan', { qr: await gateway.qr('default') })
  await window.see('1 working')
  await window.follow('default')
  await window.see('Linked as Anna, +491701000001')
  await window.press('Send it')
  await window.see('Sent')
  await window.close()
}

export async function code ({ browser, gateway, simulator }) {
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  await window.go('#/new')
  await window.fill('Name of the session', 'by-code')
  await window.press('Create and link')
  await window.press('Type a code on the phone')
  await window.fill('Phone number of the WhatsApp account', '491701000002')
  const phone = await simulator.phone('491701000002', 'Ben')
  await window.press('Get a code')
  await window.see('Link with phone number instead')
  const shown = await window.page.$eval('output', (node) => node.textContent)
  assert.match(shown, /^[A-Z0-9]{4}-[A-Z0-9]{4}$/)
  await window.assertAccessible('the code')
  await phone.post('confirm-code', { code: shown.replace('-', '') })
  await window.see('Linked as Ben')
  await window.close()
}

export async function withPasskey ({ browser, gateway, simulator }) {
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  const made = passkey('create')
  const phone = await simulator.phone('491701000009', 'Cleo')
  await phone.post('passkey', { id: made.id, public_key: made.publicKey })
  await gateway.call('POST', 'api/sessions', { name: 'by-passkey' })
  await window.go('#/s/by-passkey')
  await phone.post('scan', { qr: await gateway.qr('by-passkey') })
  await window.see('The phone asks for the passkey of the account')
  await window.page.waitForSelector('.passkey pre')
  await window.assertAccessible('the passkey')
  const { challenge, rpId } = await gateway.call('GET', 'api/by-passkey/auth/passkey/challenge')
  const answer = passkey('sign', made.privateKey, made.id, challenge, rpId, 'https://web.whatsapp.com')
  await window.fill('Answer of the passkey', JSON.stringify(answer))
  await window.press('Go on')
  await window.see('Does the phone show the same code?')
  await window.page.waitForSelector('.big-code output')
  await window.press('Yes, the same')
  await window.see('Linked as Cleo')
  await window.close()
}
