//! `backstay demo`: a bad change is caught, on a throw-away PostgreSQL that leaves nothing behind.

use std::cell::RefCell;
use std::time::Duration;

use backstay_guard::news::News;
use serde_json::json;
use tokio::sync::mpsc;

use crate::args::Demo;
use crate::commands::watch::{interrupted, runtime, tell};
use crate::failure::{Code, Exit, Failure};
use crate::out::Out;
use crate::view;
use crate::view::screen::{Screen, give_back, take};

mod director;
mod forecast;
mod simulated;
mod stage;

use director::{Cue, Director, Ending, SHOWN};
pub(crate) use director::{SCENARIOS, Scenario};
use forecast::Forecast;
use stage::Stage;

/// The whole story must be over by then.
const STORY_MAX: Duration = Duration::from_secs(180);
/// News that may wait to be shown.
const NEWS_MAX: usize = 4_096;

/// Plays the story.
pub(crate) fn run(args: &Demo, out: Out) -> Result<Exit, Failure> {
    let named = SCENARIOS.iter().find(|s| s.name == args.scenario);
    let scenario = named.expect("the parser of arguments takes only names of scenarios");
    runtime()?.block_on(async {
        tokio::select! {
            ending = play(scenario, args, out) => ending,
            () = interrupted() => Ok(Exit::Interrupted),
            () = tokio::time::sleep(STORY_MAX) => Err(Failure::new(Code::Internal, "the story did not end in time")),
        }
    })
}

async fn play(scenario: &'static Scenario, args: &Demo, out: Out) -> Result<Exit, Failure> {
    let ending = if args.simulated {
        let house = House::open(out, "demo · a simulated PostgreSQL · mode auto")?;
        house.introduce(Played::Simulated)?;
        let ending = simulated::play(scenario, &house).await;
        house.close();
        ending?
    } else {
        let house = House::open(out, "demo · a throw-away PostgreSQL · mode auto")?;
        house.introduce(Played::ForReal)?;
        let ending = play_for_real(scenario, &house).await;
        house.close();
        ending?
    };
    let (exit, words) = match ending {
        Ending::AsTold => (
            Exit::Ok,
            "the harmless change stayed, the harmful one is undone",
        ),
        Ending::Otherwise => (Exit::Failure, "it went another way than the story has it"),
    };
    if !out.json_wanted() {
        out.line(format!("          {words}"));
        out.line(if args.simulated {
            "          all of it was simulated; with a real server: backstay demo"
        } else {
            "          the server is stopped and removed"
        });
        out.line("          next, with your own: backstay doctor DSN, backstay watch DSN");
    }
    Ok(exit)
}

/// The story on a real server. Everything that is started is owned by `stage`, and goes with it.
async fn play_for_real(scenario: &'static Scenario, house: &House) -> Result<Ending, Failure> {
    house.say("starting a throw-away PostgreSQL and a load on it …");
    let stage = Stage::set(scenario).await?;
    house.say(&format!(
        "PostgreSQL {} on port {}, load from {} services: {}",
        stage.version(),
        stage.port(),
        stage.services().len(),
        stage.services().join(", ")
    ));
    let (hand, news) = mpsc::channel(NEWS_MAX);
    let station = stage.station()?;
    let work = station.work(move |n| forward(&hand, n), std::future::pending());
    let ending = tokio::select! {
        _guard = work => Err(Failure::new(Code::Internal, "the guard stopped by itself")),
        ending = direct(scenario, house, &stage, news) => ending,
    };
    stage.strike().await;
    ending
}

fn forward(hand: &mpsc::Sender<News>, news: News) {
    if let Err(error) = hand.try_send(news) {
        tracing::warn!(%error, "the screen is too slow for the news");
    }
}

/// Shows the news and acts on the director's cues until the story is over.
async fn direct(
    scenario: &'static Scenario,
    house: &House,
    stage: &Stage,
    mut news: mpsc::Receiver<News>,
) -> Result<Ending, Failure> {
    let mut director = Director::new();
    house.phase(director.act.words());
    while let Some(piece) = news.recv().await {
        house.show(&piece);
        match director.hear(&piece) {
            None => {}
            Some(Cue::Harmless) => {
                house.phase(director.act.words());
                stage.change(&director::HARMLESS).await?;
            }
            Some(Cue::Harmful) => {
                house.phase(director.act.words());
                let on = (&piece.target, piece.at);
                house.forecast(&forecast::of(house.ink(), scenario, stage.services(), on)?)?;
                stage.change(scenario).await?;
            }
            Some(Cue::End(ending)) => {
                house.phase(director.act.words());
                return Ok(ending);
            }
        }
    }
    Err(Failure::new(
        Code::Internal,
        "the news ended before the story",
    ))
}

/// What the story is played on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Played {
    ForReal,
    Simulated,
}

/// Where the story is shown: a live screen, plain lines, or JSON lines.
struct House {
    out: Out,
    screen: Option<RefCell<Live>>,
}

struct Live {
    screen: Screen,
    terminal: ratatui::DefaultTerminal,
    told: Vec<String>,
}

impl House {
    fn open(out: Out, title: &str) -> Result<Self, Failure> {
        let screen = if out.screen() {
            let terminal = take().map_err(|e| Failure::of(Code::Internal, &e))?;
            Some(RefCell::new(Live {
                screen: Screen::new(title, &SHOWN),
                terminal,
                told: Vec::new(),
            }))
        } else {
            None
        };
        Ok(Self { out, screen })
    }

    /// What kind of story follows, before its first line.
    fn introduce(&self, played: Played) -> Result<(), Failure> {
        let simulated = played == Played::Simulated;
        if self.out.json_wanted() {
            let document = json!({ "kind": "demo", "simulated": simulated });
            return self.out.stream(&document);
        }
        if simulated {
            self.say("simulated: no server is started, time and load are made up, the guard is the real one");
        }
        Ok(())
    }

    fn phase(&self, words: &str) {
        match &self.screen {
            Some(live) => {
                let mut live = live.borrow_mut();
                live.told.push(format!("\n== {words}"));
                live.screen.phase(words);
            }
            None if !self.out.json_wanted() => self.out.line(format!("\n== {words}")),
            None => {}
        }
    }

    /// A line of ours, not of the guard.
    fn say(&self, line: &str) {
        match &self.screen {
            Some(live) => live.borrow_mut().say(&format!("          {line}")),
            None if !self.out.json_wanted() => self.out.line(format!("          {line}")),
            None => self.out.note(line),
        }
    }

    /// How lines for both kinds of house are painted: the screen has colours of its own.
    fn ink(&self) -> Out {
        if self.live() {
            Out::plain(self.out.columns())
        } else {
            self.out
        }
    }

    /// What the simulator says to the next change.
    fn forecast(&self, forecast: &Forecast) -> Result<(), Failure> {
        if self.out.json_wanted() {
            return self.out.stream(&forecast.document);
        }
        self.say("simulate   the next change, before it is made");
        forecast.lines.iter().for_each(|line| self.say(line));
        Ok(())
    }

    /// Whether a person watches it happen.
    const fn live(&self) -> bool {
        self.screen.is_some()
    }

    fn show(&self, news: &News) {
        let Some(live) = &self.screen else {
            return tell(self.out, news);
        };
        let mut live = live.borrow_mut();
        live.screen.hear(news);
        let plain = Out::plain(self.out.columns());
        let told = view::lines(self.out, news);
        live.told.extend(told);
        for line in view::lines(plain, news) {
            live.screen.say(&line);
        }
        let Live {
            screen, terminal, ..
        } = &mut *live;
        if let Err(error) = screen.draw(terminal) {
            tracing::warn!(%error, "the screen could not be drawn");
        }
    }

    /// Gives the terminal back and leaves the whole story on it.
    fn close(mut self) {
        // Taken out, or the drop would give the terminal back a second time.
        if let Some(live) = self.screen.take() {
            give_back();
            let columns = self.out.columns().unwrap_or(usize::MAX);
            let told = &live.borrow().told;
            let lines = told.iter().flat_map(|line| view::fold(line, columns));
            lines.for_each(|line| self.out.line(line));
        }
    }
}

impl Live {
    fn say(&mut self, line: &str) {
        self.told.push(line.to_owned());
        self.screen.say(line);
        if let Err(error) = self.screen.draw(&mut self.terminal) {
            tracing::warn!(%error, "the screen could not be drawn");
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if self.screen.is_some() {
            give_back();
        }
    }
}
