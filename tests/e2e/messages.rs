//! Baileys with the gateway, and Baileys with Baileys, through the simulator.

use wakeeper_e2e::{Addressing, Baileys, Lab, told};

use crate::conversation::tell;

async fn with_gateway(version: Baileys, addressing: Addressing) {
    told(addressing, async |lab: &Lab| {
        let mut gateway = lab.linked_gateway("gateway", "491701000001").await;
        let mut peer = lab.linked_peer("baileys", version, "491701000002").await;
        let contact = lab.contact("contact", "491701000003").await;
        tell(&mut gateway, &mut peer, &contact).await;
        gateway.as_gateway().1.assert_all_signed();
        lab.simulator().assert_no_ratchet_reuse().await;
    })
    .await;
}

async fn with_baileys(version: Baileys, addressing: Addressing) {
    told(addressing, async |lab: &Lab| {
        let mut a = lab.linked_peer("anna", version, "491701000001").await;
        let mut b = lab.linked_peer("ben", version, "491701000002").await;
        let contact = lab.contact("contact", "491701000003").await;
        tell(&mut a, &mut b, &contact).await;
        lab.simulator().assert_no_ratchet_reuse().await;
    })
    .await;
}

#[tokio::test]
async fn baileys6_and_gateway_by_number() {
    with_gateway(Baileys::Six, Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn baileys7_and_gateway_by_number() {
    with_gateway(Baileys::Seven, Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn baileys7_and_gateway_by_lid() {
    with_gateway(Baileys::Seven, Addressing::Lid).await;
}

#[tokio::test]
async fn baileys6_and_baileys6() {
    with_baileys(Baileys::Six, Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn baileys7_and_baileys7() {
    with_baileys(Baileys::Seven, Addressing::PhoneNumber).await;
}
