// When something goes wrong: an incident as it happens, a repair, a backup given back.
import assert from 'node:assert/strict'
import { Window } from '../browser.mjs'
import { care, incident } from '../stubs.mjs'

export async function incidentAppears ({ browser, gateway }) {
  const state = { healthy: false, incidents: [], tell: [{ event: 'session.incident', session: 'default', timestamp: Date.now(), payload: { incident: 7, kind: 'session_state', state: 'open', outcome: null, step: 'opened', text: '3 messages of one contact failed (Bad MAC).', times: 1 } }] }
  const { stubs, calls } = care(state)
  const window = await Window.open(browser, gateway, { stubs })
  window.expected.push(/health/)
  await window.go()
  await window.see('1 need you')
  await window.see('3 messages of one contact failed')
  await window.assertAccessible('an incident')
  await window.follow('What happened?')
  await window.see('Not healthy')
  await window.see('signal_session_failing')
  assert.ok(!(await window.page.evaluate(() => document.body.innerText)).includes('Nothing is wrong.'))
  const lists = calls.filter((call) => call.path === '/api/incidents' && !call.query.includes('session='))
  assert.ok(lists.length && lists.every((call) => call.query.includes('state=open')), 'an old one is not lost behind newer ones that are over')
  await window.press('What was done')
  await window.see('one Signal session renewed')
  await window.assertAccessible('health')
  await window.close()
}

export async function repair ({ browser, gateway }) {
  const { stubs, calls } = care({ healthy: false, incidents: [] })
  const window = await Window.open(browser, gateway, { stubs })
  window.expected.push(/health/)
  await window.go('#/s/default/health')
  await window.press('Repair …')
  await window.see('Nothing was changed yet.')
  await window.assertAccessible('the plan of a repair')
  assert.deepEqual(calls.filter((call) => call.path.endsWith('/repair')).map((call) => call.body), [{ dry_run: true }])
  await window.press('Repair now')
  await window.see('Repaired.')
  await window.press('Close')
  // What was found before the repair says nothing any more.
  await window.see('Not examined yet.')
  const examined = () => calls.filter((call) => call.path.endsWith('/health') && call.query === '?examine=true').length
  assert.equal(examined(), 0)
  await window.press('Examine again')
  await window.see('Nothing is wrong.')
  await window.gone('Not examined yet.')
  assert.equal(examined(), 1)
  await window.close()
}

export async function repairWithoutSteps ({ browser, gateway }) {
  const { stubs } = care({ healthy: false, incidents: [], plan: [], notes: ['The disk is full.'] })
  const window = await Window.open(browser, gateway, { stubs })
  window.expected.push(/health/)
  await window.go('#/s/default/health')
  await window.press('Repair …')
  await window.see('no step is planned for it')
  await window.see('The disk is full.')
  assert.ok(!(await window.page.evaluate(() => document.body.innerText)).includes('Nothing has to be repaired.'))
  await window.press('Repair now')
  await window.see('Repaired.')
  await window.close()
}

export async function restore ({ browser, gateway }) {
  const state = { healthy: true, incidents: [] }
  const { stubs, calls } = care(state)
  const window = await Window.open(browser, gateway, { stubs })
  window.expected.push(/restore/)
  const cannotRestore = () => window.page.waitForSelector('dialog button.danger:disabled')
  const asked = () => calls.filter((call) => call.path.endsWith('/restore')).map((call) => call.body)
  await window.go('#/s/default/backups')
  await window.press('Verify')
  await window.see('login: sound')
  let answer
  state.hold = new Promise((resolve) => { answer = resolve })
  await window.press('Restore …')
  await window.see('Looking at what would be done …')
  await cannotRestore()
  // Another choice before the first is answered: the last one counts.
  await window.page.locator('#restore-all').click()
  answer()
  await window.see('encryption state with contacts would go back')
  await window.see('leave what out')
  assert.equal(await window.page.$('dialog button.danger'), null, 'what was refused is not offered')
  await window.assertAccessible('a refused restore')
  await window.fill('Why, if keys would go back', 'The newer one is lost')
  await window.press('Preview')
  await window.see('write session-491701000003.0.json')
  // Another reason is another restore.
  await window.fill('Why, if keys would go back', 'Nobody has the newer one')
  await cannotRestore()
  await window.gone('write session-491701000003.0.json')
  // The login alone takes no reason.
  await window.page.locator('#restore-credentials').click()
  await window.see('write creds.json')
  await window.assertAccessible('the preview of a restore')
  const login = { backup: 'b2', what: 'credentials' }
  const all = { backup: 'b2', what: 'all' }
  assert.deepEqual(asked(), [
    { ...login, dry_run: true },
    { ...all, dry_run: true },
    { ...all, force_reason: 'The newer one is lost', dry_run: true },
    { ...login, dry_run: true }
  ])
  await window.press('Restore now')
  await window.see('Restored.')
  assert.deepEqual(asked()[4], { ...login, dry_run: false })
  await window.page.keyboard.press('Escape')
  await window.gone('Restored.')
  await window.close()
}
