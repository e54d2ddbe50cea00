//! The panel of decision support on the note screen: what may be considered, what to ask next, criteria and guidelines,
//! each with its reasons and sources. It stands below the text, never moves it, and says what it is.

mod checks;
mod shown;

pub(crate) use shown::{Shown, shown};

use crate::advice::{ALL_KINDS, Advice, Kind, Living, Switches};
use crate::web::notes::escape;
use crate::web::ui_text::{Language, Ui};
use maud::{Markup, html};
use tsumugi_cds::genomics::GeneResult;
use tsumugi_cds::prescription::Checks;
use tsumugi_cds::{Findings, Met, Next, Patient, Ranked, Reason, induced, next, together};
use tsumugi_clinical::{Polarity, StructuredNote};
use tsumugi_knowledge::{Evidence, Guideline, Recommendation, State};

/// Diseases in the strip.
const DISEASES: usize = 5;
/// Steps that are offered.
const STEPS: usize = 4;
/// Reasons behind a disease.
const REASONS: usize = 8;
/// Recommendations that are shown.
const RECOMMENDATIONS: usize = 3;

/// What a panel is drawn from.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    pub(crate) ui: Ui<'a>,
    pub(crate) advice: &'a Advice,
    pub(crate) living: &'a Living,
    pub(crate) switches: &'a Switches,
    pub(crate) patient: &'a Patient,
    /// The note that is being written.
    pub(crate) note: &'a StructuredNote,
    /// Its text.
    pub(crate) text: &'a str,
    /// Results about the patient's genes.
    pub(crate) genes: &'a [GeneResult],
    /// Number of the patient, for links.
    pub(crate) number: &'a str,
}

impl Panel<'_> {
    /// Draws the panel. What is off is not computed.
    pub(crate) fn draw(&self) -> Markup {
        let ui = self.ui;
        let findings = self.findings();
        html! {
            @if self.switches.is_on(Kind::Prescription) { (checks::prescriptions(self)) }
            @if self.switches.is_on(Kind::Differential) {
                (self.differential(&findings))
                (self.induced())
            }
            @if self.switches.is_on(Kind::Next) { (self.next(&findings)) }
            @if self.switches.is_on(Kind::Criteria) { (checks::criteria(self)) }
            @if self.switches.is_on(Kind::Guideline) { (self.guidelines()) }
            p.support-foot {
                (ui.t("support.says")) " "
                span.edition { (ui.fill("support.edition", &[("edition", &self.living.edition)])) }
            }
        }
    }

    fn name(&self, state: &State) -> String {
        state_name(&self.ui, self.advice, state)
    }

    /// The findings of record and note. Before the note has said one, the record alone suggests nothing.
    fn findings(&self) -> Findings {
        let mut findings = Findings::of(self.patient);
        let is_of_note = |fact: &tsumugi_cds::Fact| fact.place.note.is_empty();
        if !self.patient.facts.iter().any(is_of_note) {
            findings.said.clear();
        }
        findings
    }

    /// The diseases of the strip: by findings, or by what was ordered where nothing was found.
    fn ranked(&self, findings: &Findings) -> Vec<Ranked> {
        let vocabulary = self.advice.coder.vocabulary();
        let ranked = if findings.said.is_empty() {
            let mut patient = self.patient.clone();
            patient.orders.retain(|(_, place)| place.note.is_empty());
            patient.drugs.retain(|usage| usage.place.note.is_empty());
            self.living
                .orders
                .considered(vocabulary, &patient, DISEASES)
                .ranked
        } else {
            self.living.differential.rank(vocabulary, findings, DISEASES)
        };
        if ranked.iter().any(|disease| disease.because.len() > 1) {
            ranked
        } else {
            Vec::new()
        }
    }

    /// What to ask, examine or test next.
    fn steps(&self, findings: &Findings) -> Vec<Next> {
        if findings.said.is_empty() {
            return Vec::new();
        }
        let (living, vocabulary) = (self.living, self.advice.coder.vocabulary());
        next(&living.differential, &living.own, vocabulary, findings, STEPS)
    }

    fn differential(&self, findings: &Findings) -> Markup {
        let is_from_orders = findings.said.is_empty();
        let ranked = self.ranked(findings);
        let title = if is_from_orders {
            "support.considered"
        } else {
            "support.differential"
        };
        html! {
            @if !ranked.is_empty() {
                section.support-part {
                    h3 { (self.ui.t(title)) (unapproved(&self.ui)) }
                    ol.differential { @for disease in &ranked { (self.disease(disease)) } }
                    @if !is_from_orders { (self.together(findings)) }
                }
            }
        }
    }

    /// Two diseases, where they explain clearly more than one.
    fn together(&self, findings: &Findings) -> Markup {
        let vocabulary = self.advice.coder.vocabulary();
        let pair = together(&self.living.differential, vocabulary, findings);
        let names = |states: &[State]| {
            let names: Vec<String> = states.iter().map(|state| self.name(state)).collect();
            names.join(" / ")
        };
        html! {
            @if let Some(pair) = pair {
                p.together {
                    (self.ui.t("support.together")) " "
                    @for (index, (disease, explains)) in pair.diseases.iter().enumerate() {
                        @if index > 0 { " + " }
                        strong { (self.name(&State::new(std::sync::Arc::clone(disease)))) }
                        " " span.hint { "(" (names(explains)) ")" }
                    }
                }
            }
        }
    }

    /// Drugs that may have brought about what the note tells.
    fn induced(&self) -> Markup {
        const MOST: usize = 3;
        let checks = Checks {
            vocabulary: self.advice.coder.vocabulary(),
            book: self.living.drugs(),
        };
        let found = induced(&checks, self.patient);
        html! {
            @if !found.is_empty() {
                section.support-part {
                    h3 { (self.ui.t("support.induced")) (unapproved(&self.ui)) }
                    ul.steps {
                        @for one in found.iter().take(MOST) {
                            li {
                                (self.name(&one.finding)) " \u{2190} "
                                strong { (self.name(&State::new(std::sync::Arc::clone(&one.drug)))) }
                                " " span.hint {
                                    (self.ui.of("frequency", one.frequency.word()))
                                    @if let Some(days) = one.days { " " (self.ui.fill("support.since-days", &[("days", &days.to_string())])) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn disease(&self, ranked: &Ranked) -> Markup {
        let state = State::new(std::sync::Arc::clone(&ranked.disease));
        let (band, bars) = band(ranked.probability);
        let page = format!(
            "/knowledge/{}?patient={}",
            escape(&ranked.disease),
            escape(self.number)
        );
        html! {
            li {
                details {
                    summary {
                        span.name { (self.name(&state)) }
                        span.bars aria-hidden="true" { (bars) }
                        span.band { (self.ui.t(band)) }
                    }
                    ul.why {
                        @for reason in strongest(&ranked.because) { li { (self.reason(ranked, reason)) } }
                    }
                    a href=(page) target="_blank" { (self.ui.t("support.page")) }
                }
            }
        }
    }

    fn reason(&self, ranked: &Ranked, reason: &Reason) -> Markup {
        let ui = self.ui;
        let sign = if reason.weight >= 0.0 { "+" } else { "\u{2212}" };
        let name = match &reason.state {
            Some(state) if reason.polarity == Polarity::Absent => {
                ui.fill("support.denied", &[("finding", &self.name(state))])
            }
            Some(state) => self.name(state),
            None => ui.t("support.prior").to_owned(),
        };
        let met = match reason.met {
            Met::Ancestor | Met::Descendant => reason.row.as_ref().map(|row| self.name(row)),
            _ => None,
        };
        let disease = self.living.own.disease(&ranked.disease);
        let row = reason.row.as_ref().zip(disease);
        let evidence = row.and_then(|(row, disease)| disease.findings.get(row));
        html! {
            span.weight { (sign) (format!("{:.1}", reason.weight.abs())) } " "
            (name)
            @if let Some(met) = met { " \u{2248} " (met) }
            @if reason.met == Met::None { " " span.hint { (ui.t("support.unlisted")) } }
            @for evidence in evidence.into_iter().flatten() { " " (source(&ui, evidence)) }
        }
    }

    fn next(&self, findings: &Findings) -> Markup {
        let steps = self.steps(findings);
        html! {
            @if !steps.is_empty() {
                section.support-part {
                    h3 { (self.ui.t("support.next")) (unapproved(&self.ui)) }
                    ul.steps {
                        @for step in &steps {
                            @let for_disease = step.speaks_for.and_then(|disease| self.living.differential.key_of(disease));
                            li {
                                span.step-kind { (self.ui.of("step", step.step.word())) } " "
                                (self.name(&step.state))
                                @if let Some(disease) = for_disease {
                                    " " span.hint { (self.ui.fill("support.speaks-for", &[("disease", &self.name(&State::new(disease)))])) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn guidelines(&self) -> Markup {
        let vocabulary = self.advice.coder.vocabulary();
        let standing = self.patient.standing(vocabulary);
        let has = |concept: &str| {
            let Some(wanted) = vocabulary.key(concept) else {
                return false;
            };
            let is_a = |own: &str| {
                vocabulary
                    .key(own)
                    .is_some_and(|own| vocabulary.is_a(own, wanted))
            };
            standing.iter().any(|fact| is_a(fact.state.as_str()))
                || self.patient.current_drugs().any(|usage| is_a(&usage.drug))
        };
        // What this note speaks of: a disease of the record is no occasion for a recommendation today.
        let is_told = |recommendation: &Recommendation| {
            standing
                .iter()
                .filter(|fact| fact.place.note.is_empty())
                .any(|fact| {
                    recommendation.applies.iter().any(|wanted| {
                        vocabulary
                            .key(fact.state.as_str())
                            .zip(vocabulary.key(wanted))
                            .is_some_and(|(own, wanted)| vocabulary.is_a(own, wanted))
                    })
                })
        };
        let mut found: Vec<(&Guideline, &Recommendation)> = self.living.guidelines().for_patient(has);
        found.retain(|(_, recommendation)| is_told(recommendation));
        found.truncate(RECOMMENDATIONS);
        html! {
            @if !found.is_empty() {
                section.support-part {
                    h3 { (self.ui.t("support.guidelines")) }
                    ul.recommendations {
                        @for (guideline, recommendation) in found {
                            li {
                                details {
                                    summary { (recommendation.action) }
                                    p { (recommendation.population) }
                                    p.hint { (guideline.name) " " (guideline.edition) " " (recommendation.section) " \u{2013} " (self.ui.of("status", recommendation.status.word())) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The switches, with what they switch; the panel itself is filled over the live line.
pub(crate) fn frame(ui: &Ui<'_>, switches: &Switches) -> Markup {
    html! {
        section #support.support aria-labelledby="support-head" tabindex="-1" data-on=(switches.all) {
            header {
                h2 #support-head { (ui.t("support.title")) }
                button #support-all.quiet type="button" data-kind="all" aria-pressed=(switches.all.to_string()) {
                    span.when-on { (ui.t("support.on")) } span.when-off { (ui.t("support.off")) } " " kbd { "Alt+0" }
                }
                details.kinds {
                    summary { (ui.t("support.kinds")) }
                    @for kind in ALL_KINDS {
                        @let withheld = switches.is_withheld(kind);
                        button.quiet type="button" data-kind=(kind.word()) aria-pressed=(switches.is_chosen(kind).to_string()) disabled[withheld] {
                            (ui.of("support-kind", kind.word()))
                            @if withheld { " " span.hint { (ui.t("support.withheld")) } }
                        }
                    }
                }
            }
            div #support-body {}
        }
    }
}

/// The strongest reasons, for and against, in the order of their weight.
fn strongest(reasons: &[Reason]) -> Vec<&Reason> {
    let mut list: Vec<&Reason> = reasons.iter().collect();
    list.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
    list.truncate(REASONS);
    list.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    list
}

/// A probability as a band: finer figures would say more than is known.
pub(crate) fn band(probability: f64) -> (&'static str, &'static str) {
    match probability {
        p if p >= 0.5 => ("band.likely", "\u{2587}\u{2587}\u{2587}\u{2587}"),
        p if p >= 0.2 => ("band.possible", "\u{2587}\u{2587}\u{2587}"),
        p if p >= 0.05 => ("band.less-likely", "\u{2587}\u{2587}"),
        _ => ("band.unlikely", "\u{2587}"),
    }
}

/// Local counts below this are not told: they could point to a person.
const SMALL: u32 = 10;

/// A source as the screen shows it: counts as counts, estimates as estimates, few local cases as fewer than ten.
pub(crate) fn source(ui: &Ui<'_>, evidence: &Evidence) -> Markup {
    let is_local = matches!(
        evidence.source.as_ref(),
        crate::advice::SITE | crate::advice::DUMMIES
    );
    let status = ui.of("status", evidence.status.word());
    let name = if evidence.note.is_empty() {
        &evidence.source
    } else {
        &evidence.note
    };
    let text = if evidence.of == 0 {
        let percent = match f64::from(evidence.frequency) * 100.0 {
            percent if percent > 0.0 && percent < 1.0 => format!("{percent:.1}"),
            percent => format!("{percent:.0}"),
        };
        ui.fill("support.share", &[("percent", &percent), ("status", &status)])
    } else if is_local && evidence.of < SMALL {
        ui.t("support.few").to_owned()
    } else {
        let (with, of) = (evidence.with.to_string(), evidence.of.to_string());
        ui.fill(
            "support.counted",
            &[("with", &with), ("of", &of), ("source", name)],
        )
    };
    html! { span.source title=(name) { (text) } }
}

/// The mark of support that no authority has approved.
fn unapproved(ui: &Ui<'_>) -> Markup {
    html! { " " span.unapproved { (ui.t("support.unapproved")) } }
}

/// The name of a state in the language of the page: of the concept or of the abnormal state, with the level of a test.
pub(crate) fn state_name(ui: &Ui<'_>, advice: &Advice, state: &State) -> String {
    if let Some(own) = advice.abnormal_state(state.as_str()) {
        return match ui.language {
            Language::English => own.english.to_string(),
            Language::Japanese => own.name.to_string(),
        };
    }
    let id = state.concept();
    let concept = advice
        .coder
        .vocabulary()
        .concept(id.strip_prefix("family:").unwrap_or(id));
    let name = concept.map_or(id, |concept| match ui.language {
        Language::English if !concept.english.is_empty() => &concept.english,
        _ => &concept.name,
    });
    match state.level() {
        Some(level) => format!("{name} {}", ui.t(&format!("level.{level}"))),
        None => name.to_owned(),
    }
}
