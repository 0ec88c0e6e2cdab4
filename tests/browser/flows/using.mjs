// What a linked number is used for: chats, webhooks, keys, the live log; and strangers who write what they like.
import assert from 'node:assert/strict'
import { Window } from '../browser.mjs'
import { care } from '../stubs.mjs'
import { eventually, Receiver } from '../world.mjs'

const HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>"\'>&amp;${7*7}'

export async function chats ({ browser, gateway, contact }) {
  await contact.post('send', { to: '491701000001', text: HOSTILE })
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  await window.go('#/s/default/chats')
  await window.see('<img src=x')
  await window.page.locator('.chat').click()
  await window.see(HOSTILE)
  assert.equal(await window.page.evaluate(() => document.querySelectorAll('img[src=x], .messages script').length), 0)
  await window.fill('Message', 'Good morning!')
  await window.press('as curl')
  await window.see('Idempotency-Key')
  await window.page.focus('.composer textarea')
  await window.page.keyboard.press('Enter')
  await eventually('the message arrives', async () => assert.ok((await contact.inbox()).some((one) => JSON.stringify(one).includes('Good morning!'))))
  await window.page.waitForSelector('.message.own .ticks[aria-label="delivered"], .message.own .ticks[aria-label="read"]', { timeout: 15_000 })
  await contact.post('send', { to: '491701000001', text: 'And this came live' })
  await window.see('And this came live')
  await window.assertAccessible('a chat')
  const sent = window.requests.filter((one) => one.path === '/api/sendText')
  assert.equal(sent.length, 1)
  await window.close()
}

export async function webhooks ({ browser, gateway, contact }) {
  const receiver = await Receiver.start()
  receiver.status = 500
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  await window.go('#/s/default/webhooks')
  await window.press('Add a webhook')
  await window.fill('Address of your program', receiver.url)
  await window.press('Make one')
  await window.control('spinbutton', 'Attempts before an event is given up').fill('1')
  await window.assertAccessible('the form of a webhook')
  await window.press('Save')
  await window.press('Send test event')
  await window.see('answered 500')
  assert.equal(receiver.received[0].body.event, 'session.status')
  assert.ok(receiver.received[0].headers['x-webhook-hmac'], 'it is signed')
  await contact.post('send', { to: '491701000001', text: 'Nobody takes this' })
  await eventually('a dead letter', async () => assert.equal((await gateway.call('GET', 'api/sessions/default/webhooks/dead-letters')).length, 1))
  await window.go('#/s/default/webhooks')
  await window.press('Look')
  await window.see('Nobody takes this')
  await window.assertAccessible('a dead letter')
  receiver.status = 200
  await window.press('Deliver again')
  await window.see('1 on the way again.')
  await eventually('it is delivered', async () => assert.equal(receiver.received.at(-1).body.payload.body, 'Nobody takes this'))
  await window.see('None: every event arrived')
  await eventually('it is told', async () => assert.equal((await gateway.call('GET', 'api/sessions/default/webhooks/deliveries'))[0].status, 200))
  await window.go('#/s/default/webhooks')
  await window.see('answered 200')
  await window.press('Remove')
  await window.page.locator('dialog button.danger').click()
  await window.see('None yet.')
  receiver.stop()
  await window.close()
}

export async function keys ({ browser, gateway }) {
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  await window.go('#/keys')
  await window.check('Send messages')
  await window.press('Make the key')
  await window.see('It is shown this once.')
  const key = await window.page.$eval('.code code', (node) => node.textContent)
  await window.press('I have it')
  await window.gone(key)
  const reader = await Window.open(browser, gateway, { key, stubs: care().stubs })
  reader.expected.push(/status of 403/)
  await reader.go('#/keys')
  await reader.page.waitForSelector('[role=alert]')
  await reader.close()
  await window.press('Revoke')
  await window.page.locator('dialog button.danger').click()
  await window.see('There is none yet.')
  await window.close()
}

export async function settings ({ browser, gateway }) {
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  await window.go('#/s/by-code/settings')
  await window.check('Channels')
  await window.fill('Labels of yours', 'team=blue')
  await window.press('Save')
  await window.see('Saved.')
  const { config } = await gateway.call('GET', 'api/sessions/by-code')
  assert.equal(config.ignore.channels, true)
  assert.deepEqual(config.metadata, { team: 'blue' })
  await window.press('Stop')
  await window.see('Stopped')
  await window.press('Delete')
  await window.page.locator('dialog button.danger').click()
  await window.see('Link a number')
  await window.gone('by-code')
  await window.close()
}

export async function log ({ browser, gateway, contact }) {
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  await window.go('#/s/default/log')
  await window.page.waitForSelector('.card .live.on')
  await contact.post('send', { to: '491701000001', text: 'Seen in the log' })
  await window.see('Seen in the log')
  await window.press('Pause')
  await contact.post('send', { to: '491701000001', text: 'While it was paused' })
  await eventually('it is stored', async () => assert.ok(JSON.stringify(await gateway.call('GET', `api/default/chats/all/messages?limit=3`)).includes('While it was paused')))
  assert.ok(!(await window.page.evaluate(() => document.body.innerText)).includes('While it was paused'))
  await window.press('Go on')
  await window.see('While it was paused')
  await window.assertAccessible('the log')
  await window.close()
}
