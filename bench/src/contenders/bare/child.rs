//! The process: sessions of whatsapp-rust, each with a database of its own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio_websockets::{ClientBuilder, Connector};
use whatsapp_rust::TokioRuntime;
use whatsapp_rust::async_channel::Receiver;
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::client::Client;
use whatsapp_rust::prelude::{Event, EventHandler, EventInterest, EventKind};
use whatsapp_rust::send::SendOptions;
use whatsapp_rust::store::SqliteStore;
use whatsapp_rust::transport::{Transport, TransportEvent, TransportFactory, from_websocket};
use whatsapp_rust::wacore::net::WHATSAPP_WEB_ORIGIN;
use whatsapp_rust::wacore::proto_helpers::{MessageBuilderExt, MessageExt};
use whatsapp_rust::waproto::whatsapp::Message;
use whatsapp_rust::{Jid, async_trait};

use super::{Ask, Tell, locked};
use crate::wait::PATIENCE;

/// The simulator does not serve the file that tells the newest.
const VERSION: (u32, u32, u32) = (2, 3000, 1_030_000_000);

/// Where and for whom it runs.
#[derive(Args)]
pub struct Child {
    /// The server
    #[arg(long)]
    url: String,
    /// Where databases are
    #[arg(long)]
    folder: PathBuf,
    /// Where it is asked
    #[arg(long)]
    socket: PathBuf,
}

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Option<String>>>>>;

impl Child {
    /// Connects all sessions that there are, and does what it is asked until it is ended.
    pub async fn run(self) -> anyhow::Result<()> {
        let (reader, writer) = UnixStream::connect(&self.socket).await.context("whoever asks")?.into_split();
        let (tell, told) = mpsc::unbounded_channel();
        tokio::spawn(speak(writer, told));
        let mut sessions: HashMap<usize, Session> = HashMap::new();
        for item in std::fs::read_dir(&self.folder).context("the folder of databases")? {
            let path = item?.path();
            if path.extension().is_some_and(|kind| kind == "db") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let number = name.parse().context("a database that is no session's")?;
                sessions.insert(number, self.session(number, &tell).await?);
            }
        }
        let mut lines = BufReader::new(reader).lines();
        let mut asked_to_stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        loop {
            let line = tokio::select! {
                line = lines.next_line() => line?,
                _ = asked_to_stop.recv() => None,
            };
            let Some(line) = line else { break };
            match serde_json::from_str(&line).context("a line that asks for nothing")? {
                Ask::Open(number) => drop(sessions.insert(number, self.session(number, &tell).await?)),
                Ask::Send { call, session, to, text } => {
                    let session = sessions.get(&session).context("there is no such session")?;
                    let sending = send(session.handle.client(), Arc::clone(&session.waiting), to, text);
                    let tell = tell.clone();
                    tokio::spawn(async move {
                        let answer = match sending.await {
                            Ok(()) => Tell::Sent(call),
                            Err(error) => Tell::Failed(call, format!("{error:#}")),
                        };
                        let _ = tell.send(answer);
                    });
                }
            }
        }
        for session in sessions.into_values() {
            session.handle.shutdown().await;
        }
        Ok(())
    }

    async fn session(&self, number: usize, tell: &mpsc::UnboundedSender<Tell>) -> anyhow::Result<Session> {
        let waiting = Waiting::default();
        let database = self.folder.join(format!("{number}.db"));
        let listener = Listener { number, tell: tell.clone(), waiting: Arc::clone(&waiting) };
        let bot = Bot::builder()
            .with_backend(SqliteStore::new(database.to_str().context("a plain path")?).await?)
            .with_transport_factory(Dialer(self.url.clone()))
            .with_runtime(TokioRuntime)
            .with_event_handler(listener)
            .with_version(VERSION)
            .skip_history_sync()
            .build()
            .await?;
        Ok(Session { handle: bot.spawn(), waiting })
    }
}

struct Session {
    handle: BotHandle,
    waiting: Waiting,
}

/// Sends, and waits for the server's answer, as the gateway does.
async fn send(client: Arc<Client>, waiting: Waiting, to: String, text: String) -> anyhow::Result<()> {
    let to: Jid = to.parse().map_err(|_| anyhow!("{to} is no address"))?;
    let id = format!("3EB0{:018X}", rand::random::<u64>());
    let (answer, answered) = oneshot::channel();
    locked(&waiting).insert(id.clone(), answer);
    let options = SendOptions::default().with_message_id(id);
    client.send_message_with_options(to, Message::text(text), options).await?;
    let refused = tokio::time::timeout(PATIENCE, answered).await.context("the server does not answer")??;
    refused.map_or(Ok(()), |code| Err(anyhow!("the server refused: {code}")))
}

/// Writes what is to be told, as much at once as there is.
async fn speak(mut writer: OwnedWriteHalf, mut told: mpsc::UnboundedReceiver<Tell>) {
    let mut some = Vec::new();
    while told.recv_many(&mut some, 64).await > 0 {
        let mut lines = Vec::new();
        for tell in some.drain(..) {
            if serde_json::to_writer(&mut lines, &tell).is_ok() {
                lines.push(b'\n');
            }
        }
        if writer.write_all(&lines).await.is_err() {
            return;
        }
    }
}

struct Listener {
    number: usize,
    tell: mpsc::UnboundedSender<Tell>,
    waiting: Waiting,
}

impl EventHandler for Listener {
    fn handle_event(&self, event: Arc<Event>) {
        let tell = |tell| {
            // Nobody listens any more: the process is about to end.
            let _ = self.tell.send(tell);
        };
        match &*event {
            Event::PairingQrCode(qr) => tell(Tell::Code(self.number, qr.code.clone())),
            Event::Connected(_) => tell(Tell::Works(self.number)),
            Event::Disconnected(_) => tell(Tell::Lost(self.number)),
            Event::ServerAck(ack) => {
                if let Some(waiting) = locked(&self.waiting).remove(&ack.id) {
                    let _ = waiting.send(ack.error.clone());
                }
            }
            Event::Messages(_) => {
                for message in event.messages().filter(|message| !message.info.source.is_from_me) {
                    if let Some(text) = message.message.text_content() {
                        tell(Tell::Came(text.to_owned()));
                    }
                }
            }
            _ => {}
        }
    }

    fn interest(&self) -> EventInterest {
        EventInterest::of(&[
            EventKind::PairingQrCode,
            EventKind::Connected,
            EventKind::Disconnected,
            EventKind::ServerAck,
            EventKind::Messages,
        ])
    }
}

/// Connects without holding small packets back, as the gateway does.
struct Dialer(String);

#[async_trait]
impl TransportFactory for Dialer {
    async fn create_transport(
        &self,
    ) -> Result<(Arc<dyn Transport>, Receiver<TransportEvent>), anyhow::Error> {
        let uri: http::Uri = self.0.parse()?;
        let host = uri.host().context("an address without a host")?.to_owned();
        let stream = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(80))).await?;
        stream.set_nodelay(true)?;
        let stream = Connector::Plain.wrap(&host, stream).await?;
        let origin = http::HeaderValue::from_static(WHATSAPP_WEB_ORIGIN);
        let builder = ClientBuilder::from_uri(uri).add_header(http::header::ORIGIN, origin)?;
        let (socket, _) = builder.connect_on(stream).await?;
        Ok(from_websocket(socket))
    }
}
