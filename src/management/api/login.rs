//! `/api/login`: name and password in a form, for programs that log in before they ask for anything.
//!
//! As in RabbitMQ, nothing is opened by it: every request brings its name and password, and the cookie that the answer sets
//! is what a program can take them from, as `Basic` has them. A browser neither shows it to scripts nor sends it anywhere
//! but here, where nobody looks at it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::parse;
use serde_json::json;

use crate::answer::Answer;
use crate::authorize::authorize;
use crate::caller::Caller;
use crate::endpoint::{Right, Verb};
use crate::failure::Failure;
use crate::request::Request;

/// Whether name and password are right, and those of somebody who may use the API.
///
/// # Errors
/// 401 if not; as everywhere, that costs time, and more for who tries often.
pub(crate) async fn log_in(request: &Request) -> Result<Answer, Failure> {
    let field = |wanted| parse(&request.body).find(|(name, _)| name == wanted);
    let (Some((_, name)), Some((_, password))) = (field("username"), field("password")) else {
        return Err(Failure::login_failed());
    };
    let peer = request.peer.ip();
    let caller = Caller::named(&request.admin, &name, password.as_bytes(), peer).await?;
    authorize(&caller, (Verb::Post, Right::Management), None, &request.admin)?;
    let value = STANDARD.encode(format!("{name}:{password}"));
    Ok(Answer { cookie: Some(cookie(request, &value, "")), ..Answer::json(&json!("ok"))? })
}

/// Has a browser forget the cookie.
pub(crate) async fn log_out(request: &Request) -> Result<Answer, Failure> {
    Ok(Answer { cookie: Some(cookie(request, "", "; Max-Age=0")), ..Answer::done()? })
}

fn cookie(request: &Request, value: &str, age: &str) -> String {
    let secure = if request.is_tls { "; Secure" } else { "" };
    format!("auth={value}; Path=/api/login; HttpOnly; SameSite=Strict{secure}{age}")
}
