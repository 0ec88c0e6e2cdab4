// When something goes wrong: an incident as it happens, a repair, a backup given back.
import assert from 'node:assert/strict'
import { Window } from '../browser.mjs'
import { care, incident } from '../stubs.mjs'

export async function incidentAppears ({ browser, gateway }) {
  const state = { healthy: false, incidents: [], tell: [{ event: 'session.incident', session: 'default', timestamp: Date.now(), payload: { incident: 7, kind: 'signal_session_failing', state: 'open', outcome: null, step: 'opened', text: '3 messages of one contact failed (Bad MAC).', times: 1 } }] }
  const { stubs } = care(state)
  const window = await Window.open(browser, gateway, { stubs })
  window.expected.push(/health/)
  await window.go()
  await window.see('1 need you')
  await window.see('3 messages of one contact failed')
  await window.assertAccessible('an incident')
  await window.follow('What happened?')
  await window.see('Not healthy')
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
  await window.see('Nothing is wrong.')
  await window.close()
}

export async function restore ({ browser, gateway }) {
  const { stubs, calls } = care()
  const window = await Window.open(browser, gateway, { stubs })
  await window.go('#/s/default/backups')
  await window.press('Verify')
  await window.see('login: sound')
  await window.press('Restore …')
  await window.see('credentials: as of the backup')
  await window.assertAccessible('the preview of a restore')
  const asked = () => calls.filter((call) => call.path.endsWith('/restore')).map((call) => call.body)
  assert.deepEqual(asked(), [{ backup: 'b2', what: 'credentials', dry_run: true }])
  await window.press('Restore now')
  await window.see('Restored.')
  assert.deepEqual(asked()[1], { backup: 'b2', what: 'credentials', dry_run: false })
  await window.page.keyboard.press('Escape')
  await window.gone('Restored.')
  await window.close()
}
