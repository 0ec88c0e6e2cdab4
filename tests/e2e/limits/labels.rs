//! Labels of metrics are a closed set.

use reqwest::Method;
use wakeeper_e2e::gateway::Gateway;

use super::gateway;

async fn metrics(gateway: &Gateway) -> String {
    let answer = gateway.request(Method::GET, "/metrics").send().await.expect("an answer");
    answer.text().await.expect("metrics")
}

#[tokio::test]
async fn invented_methods_and_paths_make_no_new_rows() {
    let (_lab, _webhooks, gateway) = gateway(&[("METRICS", "true")]).await;
    let invent = async |round: usize| {
        for number in 0..300 {
            let method = Method::from_bytes(format!("M{round}X{number}").as_bytes()).expect("a method");
            let path = format!("/p{round}/{number}");
            gateway.answer(gateway.request(method, &path)).await.expect("an answer");
            let method = Method::from_bytes(format!("N{round}X{number}").as_bytes()).expect("a method");
            gateway.answer(gateway.request(method, "/api/sessions/x")).await.expect("an answer");
        }
    };
    invent(0).await;
    let first = metrics(&gateway).await.lines().count();
    invent(1).await;
    let text = metrics(&gateway).await;
    assert!(text.lines().count() <= first + 40, "{first} lines, then {}", text.lines().count());
    assert!(text.contains("method=\"other\"") && text.contains("route=\"unmatched\""), "{text}");
    assert!(!text.contains("M0X") && !text.contains("/p0/"));
}
