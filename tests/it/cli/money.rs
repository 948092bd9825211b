//! How a decision shows what is paid besides capacity, what is paid for already, a wait and a budget.

use anstream::adapter::strip_str;
use spotcron::cli::render::Page;
use spotcron::cli::render::decision::DecisionView;
use spotcron::decision::{Candidate, Decision, Guard, Reason};
use spotcron::domain::{Capacity, Usd};

use super::golden::assert_golden;
use super::story::at;
use super::story::parts::candidate;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn candidates(spot_guards: Vec<Guard>) -> Vec<Candidate> {
    vec![
        Candidate {
            data_cost: usd("0.36"),
            ..candidate("spot-far", Capacity::Spot, "0.1031", 60_000, "0.4694", spot_guards)
        },
        Candidate {
            covered_millis: 2_700_000,
            ..candidate("on-demand-a", Capacity::OnDemand, "0.2995", 0, "0.0749", Vec::new())
        },
    ]
}

fn decision(chosen: Option<&str>, reasons: Vec<Reason>, spot_guards: Vec<Guard>) -> Decision {
    let chosen = chosen.map(Into::into);
    let candidates = candidates(spot_guards);
    Decision { at: at("05:15:00"), chosen, reasons, candidates, wait_until: None, lengths: None }
}

#[test]
fn money_is_told_beside_the_candidates_and_in_reasons() {
    let cheapest = || Reason::Cheapest { expected_cost: usd("0.0749"), second: None };
    let wait = Reason::WaitsForBetter {
        until: at("06:00:00"),
        environment: "on-demand-a".into(),
        saving: usd("0.0749"),
    };
    let (spent, max) = (usd("0.31"), usd("0.35"));
    let guard = Guard::AboveRunBudget { spent, expected_cost: Some(usd("0.4694")), max };
    let over = Reason::OverBudget { spent, expected_cost: Some(usd("0.0749")), max };
    let fallback = Reason::Fallback { guard: guard.clone() };
    let decisions = [
        decision(Some("on-demand-a"), vec![cheapest()], Vec::new()),
        decision(None, vec![wait], Vec::new()),
        decision(Some("on-demand-a"), vec![fallback, cheapest(), over], vec![guard]),
    ];
    let mut page = Page::new(None);
    let views = decisions.iter().map(DecisionView::of);
    for view in views {
        page.gap();
        view.write(&mut page, 0);
    }
    assert_golden("money.txt", &strip_str(&page.into_text()).to_string());
    let json = serde_json::to_string_pretty(&DecisionView::of(&decisions[0])).unwrap();
    assert_golden("money.json", &json);
}
