// All flows, one after the other, on one gateway and one simulator: GATEWAY, API_KEY and SIMULATOR say where they are, CONTACT which number writes to the linked one. Words name flows.
import { launch } from './browser.mjs'
import * as care from './flows/care.mjs'
import * as everybody from './flows/everybody.mjs'
import * as linking from './flows/linking.mjs'
import * as using from './flows/using.mjs'
import { Gateway, Simulator } from './world.mjs'

// In this order: each goes on where the one before ended.
const FLOWS = [
  linking.wrongKey, linking.scan, linking.code, linking.withPasskey,
  using.chats, using.webhooks, using.keys, using.log, using.settings,
  care.incidentAppears, care.repair, care.repairWithoutSteps, care.restore,
  everybody.thousand, everybody.phoneSized, everybody.lightAndDark, everybody.keyboardOnly,
  everybody.belowAPath, everybody.otherLanguage
]

/** More tell nothing new, and each takes its patience. */
const MOST_FAILURES = 3

const { GATEWAY, API_KEY, SIMULATOR, CONTACT } = process.env
const wanted = process.argv.slice(2)
const browser = await launch()
let failed = 0
try {
  const world = { browser, gateway: new Gateway(GATEWAY, API_KEY), simulator: new Simulator(SIMULATOR) }
  world.contact = world.simulator.known(CONTACT)
  for (const flow of FLOWS.filter((one) => !wanted.length || wanted.includes(one.name))) {
    if (failed === MOST_FAILURES) break
    const began = Date.now()
    try {
      await flow(world)
      console.log(`ok ${flow.name} ${Date.now() - began} ms`)
    } catch (error) {
      failed += 1
      await Promise.all(browser.browserContexts().slice(1).map((context) => context.close()))
      console.log(`failed ${flow.name}: ${error.stack}`)
    }
  }
} finally {
  await browser.close()
}
process.exit(failed ? 1 : 0)
