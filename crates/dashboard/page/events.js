// The events that a webhook can ask for. A test of the gateway holds them against those that it sends.
import { w } from './words.js';

/** By what they are about. */
export const EVENTS = [
  [w('Messages'), ['message', 'message.any', 'message.ack', 'message.ack.group', 'message.reaction', 'message.edited', 'message.revoked', 'message.waiting', 'poll.vote', 'poll.vote.failed', 'event.response', 'event.response.failed']],
  [w('The session'), ['session.status', 'session.incident', 'session.evidence']],
  [w('Groups'), ['group.v2.join', 'group.v2.leave', 'group.v2.update', 'group.v2.participants', 'group.v2.participants.join-request']],
  [w('Calls'), ['call.received', 'call.accepted', 'call.rejected']],
  [w('Chats and people'), ['presence.update', 'chat.archive', 'label.upsert', 'label.deleted', 'label.chat.added', 'label.chat.deleted']],
];
