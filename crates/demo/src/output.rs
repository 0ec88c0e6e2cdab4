//! Says what happens.

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::people::{ANNA, WANDA};
use crate::world::World;

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const CYAN: &str = "36";

/// Writes line by line.
pub struct Output {
    colours: bool,
    to: Mutex<Box<dyn Write + Send>>,
}

impl Output {
    /// Writes to `to`.
    pub fn new(to: Box<dyn Write + Send>, colours: bool) -> Self {
        Self { colours, to: Mutex::new(to) }
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A reader that has gone is no reason to stop.
    fn line(&self, text: &str) {
        let _ = writeln!(self.to.lock().unwrap_or_else(PoisonError::into_inner), "{text}");
    }

    /// What is running, and where.
    pub fn opening(&self, world: &World, log: &Path) {
        self.line(&self.paint(BOLD, "wakeeper demo"));
        self.line("A WhatsApp server is simulated on this machine: no phone, no account, no internet.");
        self.line("The gateway is the real one and does not know the difference.\n");
        let gateway = world.gateway_url();
        for (what, place) in [
            ("Start page", format!("{gateway}/")),
            ("All endpoints", format!("{gateway}/docs/")),
            ("API key", world.key().to_owned()),
            ("Simulator", format!("{}/sim/state", world.simulator_url())),
            ("Gateway's log", log.display().to_string()),
        ] {
            self.line(&format!("  {what:<15}{}", self.paint(CYAN, &place)));
        }
    }

    /// A new part.
    pub fn part(&self, number: u32, title: &str) {
        self.line(&format!("\n{}", self.paint(BOLD, &format!("{number}. {title}"))));
    }

    /// Plain words.
    pub fn tell(&self, text: &str) {
        self.line(&format!("   {text}"));
    }

    /// Somebody says something.
    pub fn says(&self, who: &str, to: &str, what: &str) {
        let route = format!("{who} to {to}:");
        self.line(&format!("   {} {what}", self.paint(CYAN, &format!("{route:<22}"))));
    }

    /// Something was checked.
    pub fn check(&self, text: &str) {
        self.line(&format!("   {}", self.paint(GREEN, &format!("ok  {text}"))));
    }

    /// The result.
    pub fn closing(&self, text: &str) {
        self.line(&format!("\n{}", self.paint(BOLD, text)));
    }

    /// What whoever reads it can do now.
    pub fn your_turn(&self, world: &World, is_local: bool) {
        let (gateway, simulator) = (world.gateway_url(), world.simulator_url());
        let json = "-H 'Content-Type: application/json'";
        self.closing("Your turn. Everything stays up until you press Ctrl-C.");
        self.tell(&format!("Open {} and enter the API key.", self.paint(CYAN, &format!("{gateway}/"))));
        if is_local {
            let port = gateway.rsplit(':').next().unwrap_or_default();
            self.tell("This machine is a server? On your own computer run this first, or start with --host 0.0.0.0:");
            self.example(&format!("ssh -L {port}:127.0.0.1:{port} THIS_SERVER"));
        }
        self.tell(&format!("Write to {} as {}, through the gateway:", ANNA.name, WANDA.name));
        self.example(&format!(
            "curl -H 'X-Api-Key: {}' {json} \\\n       -d '{{\"chatId\":\"{}\",\"text\":\"Hello Anna!\"}}' {gateway}/api/sendText",
            world.key(),
            ANNA.chat()
        ));
        self.tell(&format!("Look at {}'s phone, and write back:", ANNA.name));
        self.example(&format!("curl {simulator}/sim/phones/{}/inbox", ANNA.number));
        self.example(&format!(
            "curl {json} \\\n       -d '{{\"to\":\"{}\",\"text\":\"Hello Wanda!\"}}' {simulator}/sim/phones/{}/send",
            WANDA.number, ANNA.number
        ));
        self.tell("See what the gateway stored:");
        self.example(&format!(
            "curl -H 'X-Api-Key: {}' {gateway}/api/default/chats/{}/messages?limit=5",
            world.key(),
            ANNA.chat()
        ));
        self.tell("Cut the gateway's connection and watch it come back (status, log):");
        self.example(&format!(
            "curl {json} \\\n       -d '{{\"kind\":\"dropped\",\"target\":\"{}\"}}' {simulator}/sim/faults",
            WANDA.number
        ));
    }

    fn example(&self, text: &str) {
        self.line(&self.paint(DIM, &format!("     {text}")));
    }
}
