//! WAHA's requests, answers and events as types: how they are written, what of them is never shown. No I/O.

mod config;
mod event;
mod group;
mod kept_secrets;
mod message;
mod payload;
mod secret;
mod session;
mod webhook;

pub use config::{
    ClientConfig, CustomHeader, HmacConfig, IgnoreConfig, ProxyConfig, RetriesConfig, RetryPolicy,
    SessionConfig, WebhookConfig,
};
pub use event::{EventName, EventNameError};
pub use group::{
    ChatPictureResponse, CountResponse, Group, GroupAddressing, GroupAdmin, GroupChange, GroupInvitation,
    GroupJoin, GroupJoinRequest, GroupJoinRequestAction, GroupJoinRequestChange, GroupJoinRequestResult,
    GroupLeave, GroupList, GroupMember, GroupPart, GroupParticipant, GroupParticipantsChange,
    GroupParticipantsChangeKind, GroupRole, GroupUpdated, JoinGroupResponse, ParticipantResult,
    SettingsMemberAddMode, SettingsMemberShareHistoryMode, SettingsMembershipApproval,
    SettingsSecurityChangeInfo, Succeeded,
};
pub use kept_secrets::NoStoredSecret;
pub use message::{Location, Media, Message, MessageData, MessageKey, ReplyTo, Source};
pub use payload::{
    AckData, MessageAck, MessageEdited, MessageReaction, MessageRevoked, Payload, Reaction, ReactionData,
    RevokedData, RevokedMessage, SessionStatusBody,
};
pub use secret::{PLACEHOLDER, Secret};
pub use session::{Me, SessionInfo, SessionStatus, StatusChange, Timestamps};
pub use webhook::{Environment, WebhookBody};
