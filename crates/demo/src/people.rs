//! The people of the conversation: simulated phones, steered through the simulator's control API.

use reqwest::Method;
use serde_json::{Value, json};

use crate::DemoError;
use crate::wait::until;
use crate::world::World;

/// A person with a phone. The numbers are of the range that is kept free for examples.
#[derive(Clone, Copy)]
pub struct Person {
    /// Name.
    pub name: &'static str,
    /// Number in international form.
    pub number: &'static str,
}

/// Owns the number that the gateway is linked to.
pub const WANDA: Person = Person { name: "Wanda", number: "15555550100" };
/// A contact.
pub const ANNA: Person = Person { name: "Anna", number: "15555550101" };
/// Another contact.
pub const BEN: Person = Person { name: "Ben", number: "15555550102" };

impl Person {
    /// The chat with this person, as the gateway's API names it.
    pub fn chat(self) -> String {
        format!("{}@c.us", self.number)
    }

    /// Makes the phone, unless an earlier demo left it.
    pub async fn enter(self, world: &World) -> Result<(), DemoError> {
        if world.try_simulator(Method::GET, &self.path(""), None).await?.is_ok() {
            return Ok(());
        }
        let body = json!({ "number": self.number, "name": self.name });
        world.simulator(Method::POST, "/sim/phones", Some(body)).await.map(drop)
    }

    /// Does something with the phone.
    pub async fn act(self, world: &World, action: &str, body: Value) -> Result<Value, DemoError> {
        world.simulator(Method::POST, &self.path(&format!("/{action}")), Some(body)).await
    }

    /// Sends a message; answers its id.
    pub async fn send(self, world: &World, message: Value) -> Result<String, DemoError> {
        let sent = self.act(world, "send", message).await?;
        Ok(sent["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the phone's copy of a message is as wished.
    pub async fn sees(
        self,
        world: &World,
        id: &str,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value, DemoError> {
        let path = self.path(&format!("/messages/{id}"));
        until(&format!("{}'s phone to show {what}", self.name), async || {
            let message = world.try_simulator(Method::GET, &path, None).await?;
            Ok(message.ok().filter(|message| fits(message)))
        })
        .await
    }

    fn path(self, rest: &str) -> String {
        format!("/sim/phones/{}{rest}", self.number)
    }
}
