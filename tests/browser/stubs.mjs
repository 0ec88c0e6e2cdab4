// Answers of the gateway that a flow needs and cannot bring about in a moment: damage, incidents, a thousand sessions.

const now = Date.now()

export const health = (healthy) => ({
  session: 'default',
  status: 'WORKING',
  healthy,
  ...(healthy ? {} : { reason: '3 messages of one contact could not be read', hint: 'POST /api/sessions/default/repair' }),
  evidence: [
    { name: 'connected', at: now - 3_600_000, age_seconds: 3600 },
    { name: 'heard', at: now - 4_000, age_seconds: 4 },
    { name: 'received', at: now - 12_000, age_seconds: 12 },
    { name: 'undecryptable', at: null, age_seconds: null },
    { name: 'acknowledged', at: now - 3_000, age_seconds: 3 },
    { name: 'backup', at: now - 7_200_000, age_seconds: 7200 }
  ],
  connection: { attempts: 2, ends: 1, last_end: 'network' },
  undecryptable: { waiting: healthy ? 0 : 3 },
  sends_under_way: 0,
  findings: healthy ? [] : [{ code: 'signal_session_failing', severity: 'error', subject: '4917…03', evidence: '3 messages failed: Bad MAC', repair: 'a new session is agreed at the next message' }],
  incidents_open: healthy ? 0 : 1,
  webhooks: { waiting: 0, failing: [], dead_letters: 0 }
})

export const incident = (state) => ({
  id: 7,
  session: 'default',
  kind: 'signal_session_failing',
  state,
  outcome: state === 'closed' ? 'repaired' : null,
  summary: state === 'closed' ? 'One contact repaired; the login stayed.' : '3 messages of one contact failed (Bad MAC).',
  messages: 3,
  peers: [],
  opened_ms: now - 60_000,
  updated_ms: now,
  closed_ms: state === 'closed' ? now : null
})

export const steps = [
  { at_ms: now - 60_000, step: 'seen', text: '3 messages failed' },
  { at_ms: now - 40_000, step: 'backup', text: 'backup made' },
  { at_ms: now - 38_000, step: 'repair', text: 'one Signal session renewed' },
  { at_ms: now - 20_000, step: 'verified', text: 'messages arrive again' }
]

export const backups = [
  { id: 'b2', created_at: now - 7_200_000, size: 184_320, reason: 'schedule', encrypted: false, account: '491701000001' },
  { id: 'b1', created_at: now - 90_000_000, size: 181_000, reason: 'before repair', encrypted: true, account: '491701000001' }
]

/** What a gateway with all of it answers; `state` can be changed while the page is open. */
export function care (state = { healthy: true, incidents: [] }) {
  const calls = []
  const stub = (method, path, answer) => ({ method, path, answer: (request) => {
    calls.push({ method, path, body: request.body ? JSON.parse(request.body) : null })
    return answer(request)
  } })
  const base = '/api/sessions/[^/]+'
  return {
    calls,
    stubs: [
      stub('GET', `${base}/health`, () => ({ status: state.healthy ? 200 : 503, body: health(state.healthy) })),
      stub('POST', `${base}/repair`, ({ body }) => {
        const { dry_run: dry } = JSON.parse(body)
        if (!dry) state.healthy = true
        return { body: { backup: dry ? null : 'b3', plan: [{ repair: 'renew_signal_session', path: 'client.db', peer: '4917…03', description: 'a new Signal session is agreed at the next message' }], applied: !dry, login_kept: true, needs_qr: false, healthy: !dry, notes: [] } }
      }),
      stub('GET', `${base}/undecryptable`, () => ({ body: [{ id: '3EB0', chat: '491701000003@c.us', sender: '491701000003@c.us', reason: 'not_decrypted', times: 3, first_at: now - 60_000, last_at: now - 20_000 }] })),
      stub('GET', `${base}/backups`, () => ({ body: backups })),
      stub('POST', `${base}/backups`, () => ({ status: 201, body: { ...backups[0], id: 'b4' } })),
      stub('POST', `${base}/backups/b2/verify`, () => ({ body: { sound: true, credentials: 'sound', findings: [] } })),
      stub('POST', `${base}/restore`, ({ body }) => {
        const asked = JSON.parse(body)
        return { body: { ...asked, changes: ['credentials: as of the backup'], ratchet: 'kept', notes: [], applied: !asked.dry_run, needs_qr: false } }
      }),
      stub('GET', '/api/incidents', () => ({ body: state.incidents })),
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
