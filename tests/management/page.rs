//! The web page, or what is said in its place.

use crate::broker::Broker;
use crate::http::Client;

#[test]
fn the_page_needs_no_login_and_loads_from_here_only() {
    let broker = Broker::start();
    let nobody = Client::nobody(broker.management());
    let page = nobody.get("/");
    match page.status {
        200 => {
            assert!(page.text.contains("<div id=\"page\">"), "{}", page.text);
            let policy = page.header("content-security-policy");
            assert!(policy.starts_with("default-src 'self'") && !policy.contains("unsafe"));
            let asset = page.text.split("./assets/").nth(1).unwrap();
            let asset = asset.split('"').next().unwrap();
            let asset = nobody.get(&format!("/assets/{asset}"));
            assert_eq!((asset.status, asset.header("x-content-type-options")), (200, "nosniff"));
        }
        404 => assert!(page.text.contains("left out of this build"), "{}", page.text),
        other => panic!("{other}: {}", page.text),
    }
    for path in ["/assets/../../lib.rs", "/assets/", "/index", "/assets/%2e%2e/%2e%2e/lib.rs"] {
        assert_eq!(nobody.get(path).status, 404, "{path}");
    }
}
