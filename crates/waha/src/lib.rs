//! WAHA's requests, answers and events as types: how they are written, what of them is never shown. No I/O.

mod call;
mod care;
mod channel;
mod chat;
mod config;
mod contact;
mod event;
mod event_response;
mod group;
mod kept_secrets;
mod key;
mod label;
mod limits;
mod message;
mod or_empty;
mod passkey;
mod payload;
mod poll;
mod presence;
mod profile;
mod secret;
mod session;
mod webhook;

pub use call::CallData;
pub use care::{
    Backup, BackupCheck, CareFinding, ConnectionEvidence, Evidence, EvidenceEvent, EvidenceName,
    FailingReceiver, IncidentEvent, Ratchet, RepairExtent, RepairReport, RepairRequest, RepairStep,
    RestoreReport, RestoreRequest, RestoreWhat, Seen, SessionHealthReport, Undecryptable, UndecryptableCount,
    UndecryptableReason, WebhookEvidence,
};
pub use channel::{
    Channel, ChannelCategory, ChannelCountry, ChannelListResult, ChannelMessage, ChannelPagination,
    ChannelPublicInfo, ChannelRole, ChannelView,
};
pub use chat::{Chat, ChatArchiveEvent, ChatSummary, ReadChatMessagesResponse};
pub use config::{
    ClientConfig, CustomHeader, HmacConfig, IgnoreConfig, ProxyConfig, RetriesConfig, RetryPolicy,
    SessionConfig, WebhookConfig,
};
pub use contact::{About, Contact, Count, LidToPhoneNumber, NumberExists, ProfilePicture};
pub use event::{EventName, EventNameError};
pub use event_response::{EventAnswer, EventResponse, EventResponsePayload};
pub use group::{
    ChatPictureResponse, CountResponse, Group, GroupAddressing, GroupAdmin, GroupChange, GroupInvitation,
    GroupJoin, GroupJoinRequest, GroupJoinRequestAction, GroupJoinRequestChange, GroupJoinRequestResult,
    GroupLeave, GroupList, GroupMember, GroupPart, GroupParticipant, GroupParticipantsChange,
    GroupParticipantsChangeKind, GroupRole, GroupUpdated, JoinGroupResponse, ParticipantResult,
    SettingsMemberAddMode, SettingsMemberShareHistoryMode, SettingsMembershipApproval,
    SettingsSecurityChangeInfo, Succeeded,
};
pub use kept_secrets::NoStoredSecret;
pub use key::{ApiKey, ApiKeyRequest, ScopedApiKeyRequest, SessionActions};
pub use label::{Label, LabelChatAssociation, LabeledChat};
pub use limits::{MessageCapping, ReachoutTimelock};
pub use message::{Location, Media, Message, MessageData, MessageKey, ReplyTo, Source};
pub use passkey::{
    PasskeyAllowedCredential, PasskeyAssertion, PasskeyAssertionData, PasskeyChallenge, PasskeyConfirmation,
};
pub use payload::{
    AckData, MessageAck, MessageEdited, MessageReaction, MessageRevoked, Payload, Reaction, ReactionData,
    RevokedData, RevokedMessage, SessionStatusBody, StatusData,
};
pub use poll::{MessageDestination, PollVote, PollVotePayload, VoteData};
pub use presence::{ChatPresences, Presence, PresenceData};
pub use profile::Profile;
pub use secret::{PLACEHOLDER, Secret};
pub use session::{App, Engine, Me, OwnPresence, SessionInfo, SessionStatus, StatusChange, Timestamps};
pub use webhook::{Environment, WebhookBody, Worker};
