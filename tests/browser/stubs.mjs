// Answers of the gateway that a flow needs and cannot bring about in a moment: damage, incidents, a thousand sessions.

const now = Date.now()

const CONTACT = '491701000003@s.whatsapp.net'
const FINDING = { code: 'signal_session_failing', severity: 'error', subject: CONTACT, evidence: 'the log shows 3 messages that could not be decrypted (Bad MAC)', repair: 'remove_file' }

/** As of `crates/waha/src/care.rs`; without an examination nothing was found. */
export const health = ({ healthy, examined_at: examined = null }) => ({
  session: 'default',
  status: 'WORKING',
  healthy,
  ...(healthy ? {} : { reason: FINDING.evidence, hint: 'POST /api/sessions/{session}/repair says what a repair would do' }),
  evidence: [
    { name: 'connected', at: now - 3_600_000, age_seconds: 3600 },
    { name: 'heard', at: now - 4_000, age_seconds: 4 },
    { name: 'received', at: now - 12_000, age_seconds: 12 },
    { name: 'undecryptable', at: healthy ? null : now - 20_000, age_seconds: healthy ? null : 20 },
    { name: 'acknowledged', at: now - 3_000, age_seconds: 3 },
    { name: 'backup', at: now - 7_200_000, age_seconds: 7200 }
  ],
  connection: { attempts: 2, ends: { lost: 1 }, last_end: 'lost' },
  undecryptable: { waiting: healthy ? 0 : 3 },
  sends_under_way: 0,
  chains_renewed: 0,
  logins_restored: 0,
  findings: healthy || examined === null ? [] : [FINDING],
  examined_at: examined,
  incidents_open: healthy ? 0 : 1,
  webhooks: { waiting: 0, failing: [], dead_letters: 0 }
})

export const incident = (state) => ({
  id: 7,
  session: 'default',
  kind: 'session_state',
  state,
  outcome: state === 'closed' ? 'recovered' : null,
  summary: state === 'closed' ? 'One contact repaired; the login stayed.' : '3 messages of one contact failed (Bad MAC).',
  messages: 3,
  peers: [],
  opened_ms: now - 60_000,
  updated_ms: now,
  closed_ms: state === 'closed' ? now : null
})

export const steps = [
  { at_ms: now - 60_000, step: 'opened', text: '3 messages failed' },
  { at_ms: now - 40_000, step: 'examined', text: 'one Signal session fails' },
  { at_ms: now - 38_000, step: 'mended', text: 'one Signal session renewed' },
  { at_ms: now - 20_000, step: 'closed', text: 'messages arrive again' }
]

const LOGIN = '9f2c61d0a47be835'

export const backups = [
  { id: 'b2', created_at: now - 7_200_000, size: 184_320, reason: 'schedule', encrypted: false, account: LOGIN, credentials: 'sound' },
  { id: 'b1', created_at: now - 90_000_000, size: 181_000, reason: 'before_clean', encrypted: true, account: LOGIN, credentials: null }
]

const failed = (status, error, code, message, hint) => ({ status, body: { statusCode: status, error, message, code, hint } })

/** A repair; what was found before it says nothing any more. */
function repaired (state, { dry_run: dry }) {
  if (!dry) Object.assign(state, { healthy: true, examined_at: null })
  const step = { repair: 'remove_file', path: 'engine.db', peer: CONTACT, description: 'Signal sessions: made anew with the next message' }
  return { body: { backup: dry ? null : 'b3', plan: state.plan ?? [step], applied: !dry, login_kept: true, needs_qr: false, healthy: !dry, notes: state.notes ?? [] } }
}

/** A restore; keys go back with a reason alone, and the login alone takes none. */
function restored ({ backup, what, dry_run: dry, force_reason: reason }) {
  if (what === 'credentials' && reason !== undefined) return failed(400, 'Bad Request', 'invalid_request', 'force_reason: only with what: all')
  if (what === 'all' && reason === undefined) return failed(409, 'Conflict', 'conflict', 'encryption state with contacts would go back, so that message keys could be used twice', 'leave what out: the login alone is given back; or give a force_reason')
  const changes = what === 'all' ? ['write creds.json', 'write session-491701000003.0.json'] : ['write creds.json']
  return { body: { backup, what, dry_run: dry, changes, ratchet: 'dropped', applied: !dry, needs_qr: false, ...(dry ? {} : { backup_before: 'b3' }), notes: [] } }
}

/** What a gateway with all of it answers; `state` can be changed while the page is open. A preview waits for `state.hold`. */
export function care (state = { healthy: true, incidents: [] }) {
  // Only an examination tells that a session which works is not healthy.
  if (!state.healthy) state.examined_at ??= now - 60_000
  const calls = []
  const stub = (method, path, answer) => ({ method, path, answer: (request) => {
    calls.push({ method, path, query: request.url.search, body: request.body ? JSON.parse(request.body) : null })
    return answer(request)
  } })
  const base = '/api/sessions/[^/]+'
  return {
    calls,
    stubs: [
      stub('GET', `${base}/health`, ({ url }) => {
        if (url.searchParams.get('examine') === 'true') state.examined_at = Date.now()
        return { status: state.healthy ? 200 : 503, body: health(state) }
      }),
      stub('POST', `${base}/repair`, ({ body }) => repaired(state, JSON.parse(body))),
      stub('GET', `${base}/undecryptable`, () => ({ body: [{ id: '3EB0', chat: '491701000003@c.us', sender: '491701000003@c.us', reason: 'not_decrypted', times: 3, first_at: now - 60_000, last_at: now - 20_000 }] })),
      stub('GET', `${base}/backups`, () => ({ body: backups })),
      stub('POST', `${base}/backups`, () => ({ status: 201, body: { ...backups[0], id: 'b4', reason: 'by_hand' } })),
      stub('POST', `${base}/backups/b2/verify`, () => ({ body: { sound: true, credentials: 'sound', findings: [] } })),
      stub('POST', `${base}/restore`, async ({ body }) => {
        await state.hold
        return restored(JSON.parse(body))
      }),
      stub('GET', '/api/incidents', ({ url }) => {
        const wanted = url.searchParams.get('state')
        return { body: state.incidents.filter((one) => !wanted || (one.state === 'closed') === (wanted === 'closed')) }
      }),
      stub('GET', '/api/incidents/7', () => ({ body: { ...incident('closed'), steps } })),
      stub('GET', '/api/events', ({ url }) => {
        const wanted = url.searchParams.get('events') ?? ''
        if (!wanted.includes('session.incident')) return { continueAs: url.href }
        if (!state.tell) return { continueAs: url.href.replace(/%2Csession\.(incident|evidence)/g, '') }
        const told = state.tell.map((one, at) => `id: ${at + 1}\nevent: ${one.event}\ndata: ${JSON.stringify(one)}\n\n`).join('')
        state.tell = null
        state.incidents = [incident('open')]
        return { type: 'text/event-stream', body: told }
      })
    ]
  }
}

/** A gateway with a thousand sessions. */
export function crowd (count) {
  const status = (at) => (at % 100 === 7 ? 'FAILED' : at % 50 === 3 ? 'SCAN_QR_CODE' : at % 10 === 1 ? 'STOPPED' : 'WORKING')
  const body = Array.from({ length: count }, (_, at) => ({
    name: `branch-${String(at + 1).padStart(4, '0')}`,
    status: status(at),
    reason: status(at) === 'FAILED' ? 'Logged out by the phone' : null,
    config: {},
    me: status(at) === 'WORKING' ? { id: `1555${1_000_000 + at}@c.us`, pushName: `Shop ${at + 1}`, jid: `1555${1_000_000 + at}:1@s.whatsapp.net` } : null,
    statuses: [{ status: status(at), timestamp: now - 1000 * at }],
    timestamps: { activity: now - 900 * at }
  }))
  return [{ path: '/api/sessions', answer: () => ({ body }) }]
}
