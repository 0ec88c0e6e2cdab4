// For everybody: a thousand sessions, a phone's window, the keyboard alone, the dark, another language.
import assert from 'node:assert/strict'
import { Window } from '../browser.mjs'
import { care, crowd } from '../stubs.mjs'
import { below } from '../world.mjs'

const VIEWS = ['', 'new', 'keys', 's/default', 's/default/chats', 's/default/webhooks', 's/default/health', 's/default/backups', 's/default/log', 's/default/settings']

export async function thousand ({ browser, gateway }) {
  const window = await Window.open(browser, gateway, { stubs: [...crowd(1000), ...care().stubs] })
  // The session that is not there has no QR code.
  window.expected.push(/branch-0004/)
  await window.go()
  await window.see('1 to 50 of 1,000')
  await window.see('10 need you')
  assert.equal(await window.page.$$eval('.row', (rows) => rows.length), 50)
  assert.equal(window.requests.filter((one) => one.path.includes('/auth/qr')).length, 0, 'no QR code that nobody asked for')
  await window.page.keyboard.press('/')
  await window.page.keyboard.type('shop 640')
  await window.page.waitForFunction(() => document.querySelectorAll('.row').length === 1)
  await window.see('branch-0640')
  await window.page.focus('#search')
  for (let typed = 0; typed < 'shop 640'.length; typed += 1) await window.page.keyboard.press('Backspace')
  await window.page.select('.bar select', 'waiting')
  await window.page.waitForFunction(() => document.querySelectorAll('.row').length === 20)
  await window.press('Show QR branch-0004')
  await window.page.waitForSelector('.scan')
  await window.page.select('.bar select', 'all')
  await window.press('Next')
  await window.see('51 to 100 of 1,000')
  await window.assertAccessible('a thousand sessions')
  await window.close()
}

export async function phoneSized ({ browser, gateway, contact }) {
  const window = await Window.open(browser, gateway, { phone: true, stubs: care().stubs })
  for (const view of [...VIEWS, `s/default/chats/${encodeURIComponent(contact.chat)}`]) {
    await window.go(`#/${view}`)
    await window.page.waitForFunction(() => !document.body.innerText.includes('Loading'))
    await window.assertFits(view)
  }
  await window.page.locator('.back').click()
  await window.page.waitForSelector('.chats .list', { visible: true })
  await window.close()
}

export async function lightAndDark ({ browser, gateway, contact }) {
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  for (const view of [...VIEWS, `s/default/chats/${encodeURIComponent(contact.chat)}`]) {
    await window.go(`#/${view}`)
    await window.page.waitForFunction(() => !document.body.innerText.includes('Loading'))
    await window.assertAccessible(view)
    await window.assertReadableInTheDark(view)
  }
  await window.close()
}

export async function keyboardOnly ({ browser, gateway }) {
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  const { page } = window
  await window.go()
  const reach = async (name) => {
    for (let steps = 0; steps < 40; steps += 1) {
      await page.keyboard.press('Tab')
      const [text, outline] = await page.evaluate(() => {
        const node = document.activeElement
        return [node.getAttribute('aria-label') ?? node.textContent.trim(), getComputedStyle(node).outlineStyle]
      })
      if (text !== name) continue
      assert.notEqual(outline, 'none', `the focus is seen on ${name}`)
      return
    }
    throw new Error(`the keyboard does not reach ${name}`)
  }
  await reach('Skip to the content')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main')
  await reach('default')
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => document.activeElement.id === 'main' && document.title.startsWith('default'))
  await reach('Settings')
  await page.keyboard.press('Enter')
  await window.see('Start and stop')
  await reach('Delete')
  await page.keyboard.press('Enter')
  await window.see('Delete default?')
  assert.ok(await page.evaluate(() => document.activeElement.closest('dialog') !== null), 'the focus is in the dialog')
  await page.keyboard.press('Escape')
  await window.gone('Delete default?')
  await window.close()
}

export async function belowAPath ({ browser, gateway }) {
  const behind = await below(gateway, '/tools/whatsapp/')
  const prefixed = care().stubs.map((stub) => ({ ...stub, path: `/tools/whatsapp${stub.path}` }))
  const window = await Window.open(browser, behind, { stubs: prefixed })
  await window.go('#/s/default/settings')
  await window.see('Start and stop')
  await window.page.waitForSelector('.live.on')
  assert.ok(window.requests.every((one) => one.path.startsWith('/tools/whatsapp/')), 'nothing outside of the path is asked for')
  await window.close()
  behind.stop()
}

export async function otherLanguage ({ browser, gateway }) {
  const window = await Window.open(browser, gateway, { stubs: care().stubs })
  await window.go()
  await window.page.select('#language', 'id')
  await window.see('1 berfungsi'.slice(2))
  await window.see('Tautkan nomor')
  assert.equal(await window.page.evaluate(() => document.documentElement.lang), 'id')
  await window.go('#/s/default/settings')
  await window.see('Mulai dan berhenti')
  await window.assertFits('Bahasa Indonesia')
  await window.close()
}
