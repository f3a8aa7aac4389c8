use super::*;
use crate::api::Endpoint;

/// The tags that RabbitMQ knows, and none, and one that means nothing here.
const TAGS: [&[&str]; 8] = [
    &[],
    &["impersonator"],
    &["management"],
    &["policymaker"],
    &["monitoring"],
    &["administrator"],
    &["management", "policymaker"],
    &["policymaker", "monitoring"],
];

const VERBS: [Verb; 4] = [Verb::Get, Verb::Put, Verb::Post, Verb::Delete];

fn caller(tags: &[&str]) -> Tags {
    use broker::user::{User, UserTags};
    let tags = UserTags::new(tags.iter().map(|tag| (*tag).to_owned()));
    let (name, loopback_only, password) = ("somebody".into(), false, None);
    Tags::of(&Caller {
        user: User { name, tags, loopback_only, password }.into(),
        has_token: false,
    })
}

fn ranks(tags: &[&str]) -> (bool, bool, bool, bool) {
    let has = |tag| tags.contains(&tag);
    let administrator = has("administrator");
    let monitoring = administrator || has("monitoring");
    let policymaker = administrator || has("policymaker");
    (monitoring || policymaker || has("management"), policymaker, monitoring, administrator)
}

/// What is expected, said in another way than the code says it: as the least of what somebody must be.
fn is_allowed(tags: &[&str], right: Right, access: Access) -> bool {
    let (management, policymaker, monitoring, administrator) = ranks(tags);
    let permitted = access == Access::Permitted;
    let visible = permitted || administrator && access == Access::None;
    right == Right::Nobody
        || management
            && match right {
                Right::Nobody | Right::Management => true,
                Right::Vhost => permitted,
                Right::VhostVisible => visible,
                Right::Policymaker => policymaker,
                Right::VhostPolicymaker => policymaker && visible,
                Right::Monitoring => monitoring,
                Right::Administrator => administrator,
            }
}

#[test]
fn every_tag_in_every_vhost_at_every_endpoint() {
    let mut cases = 0;
    for endpoint in Endpoint::ALL {
        for tags in TAGS {
            for access in [Access::None, Access::Permitted, Access::NoVhost] {
                for &(verb, right) in endpoint.rights() {
                    let decision = decide(&caller(tags), right, access);
                    assert_eq!(
                        decision == Decision::Allowed,
                        is_allowed(tags, right, access),
                        "{tags:?} {verb:?} {} with {access:?}: {decision:?}",
                        endpoint.path()
                    );
                    cases += 1;
                }
            }
        }
    }
    assert!(cases >= 1500, "{cases}");
}

#[test]
fn whatever_changes_something_needs_more_than_to_see_everything() {
    for endpoint in Endpoint::ALL {
        for &(verb, right) in endpoint.rights() {
            if verb == Verb::Get {
                continue;
            }
            assert_ne!(right, Right::Monitoring, "{}", endpoint.path());
            let decision = decide(&caller(&["monitoring"]), right, Access::None);
            // Whoever asks for it looks after their own things: see `connections::may_close`.
            let is_own = endpoint.path().starts_with("/connections/") || right == Right::Nobody;
            assert_eq!(decision == Decision::Allowed, is_own, "{verb:?} {}", endpoint.path());
        }
    }
}

#[test]
fn a_right_to_a_vhost_is_asked_for_where_the_path_names_one() {
    for endpoint in Endpoint::ALL {
        let names_vhost = endpoint.path().contains("{vhost}");
        for &(verb, right) in endpoint.rights() {
            let asks =
                matches!(right, Right::Vhost | Right::VhostVisible | Right::VhostPolicymaker);
            let is_asked = right == Right::Administrator || asks == names_vhost;
            assert!(is_asked, "{verb:?} {}", endpoint.path());
        }
    }
}

#[test]
fn only_who_logs_in_need_not_be_known() {
    for endpoint in Endpoint::ALL {
        let is_open = endpoint.rights().iter().any(|(_, right)| *right == Right::Nobody);
        assert_eq!(is_open, *endpoint == Endpoint::Login, "{}", endpoint.path());
    }
}

#[test]
fn each_verb_of_a_path_has_one_right() {
    for endpoint in Endpoint::ALL {
        for verb in VERBS {
            let count = endpoint.rights().iter().filter(|(known, _)| *known == verb).count();
            assert!(count <= 1, "{verb:?} {}", endpoint.path());
        }
    }
}
