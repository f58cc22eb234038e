//! Whose description is fetched next, and how many at once.
//!
//! Whoever is on the link can answer in anybody's name, with any port and path. So nobody who answers first keeps others
//! out: a description that fails gives its place up at once, and one that does not come gives it up after a second, while
//! it is still waited for. Who waits is served by turns: the sender that had the fewest, and of its answers one that had no
//! turn yet, that came most often, as a device that is there repeats itself for each question, and that came last: whoever
//! lies is quicker than who is asked. Attack A13.

use crate::Time;
use core::cmp::Reverse;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

/// How long a description has a place of its sender's to itself.
const TURN: Duration = Duration::from_secs(1);
/// Places of a sender, and how many of its descriptions are waited for, with those that have had their turn.
const PLACES: usize = 4;
const MOST_OF_SENDER: usize = 8;
/// Descriptions that are waited for at once; those of default gateways have places of their own.
const MOST_OF_OTHERS: usize = 16;
const MOST: usize = 24;
/// Descriptions that may be fetched at once from a sender, and from all that are no default gateways; then so many a
/// second. Each is a request that a liar makes us send to somebody.
const FIRST_OF_SENDER: u32 = 16;
const FIRST_OF_OTHERS: u32 = 32;
const A_SECOND: u64 = 4;
/// Answers that wait for their turn, of a sender and of all.
pub(super) const MOST_WAITING_OF_SENDER: usize = 16;
const MOST_WAITING: usize = 32;
/// How often those who wait are looked at.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// What a candidate is to the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) number: usize,
    pub(super) sender: IpAddr,
    /// Default gateways, and those that a person named.
    pub(super) is_privileged: bool,
    /// Since when its description is fetched; `None` where it waits for that.
    pub(super) since: Option<Time>,
    /// Whether it can be put off: what has been described cannot.
    pub(super) is_fetching: bool,
    /// How often it has answered, and whether it had a turn before.
    pub(super) answers: u32,
    pub(super) is_retried: bool,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) begins: usize,
    /// Who has had its turn, and is not waited for any more.
    pub(super) ends: Option<usize>,
}

/// How many descriptions have been fetched.
#[derive(Debug, Default)]
pub(super) struct Begun {
    of_sender: BTreeMap<IpAddr, u32>,
    of_others: u32,
}

impl Begun {
    pub(super) fn note(&mut self, place: &Place) {
        let count = self.of_sender.entry(place.sender).or_default();
        *count = count.saturating_add(1);
        if !place.is_privileged {
            self.of_others = self.of_others.saturating_add(1);
        }
    }

    fn of(&self, sender: IpAddr) -> u32 {
        self.of_sender.get(&sender).copied().unwrap_or(0)
    }

    /// Whether one more may be fetched so long after the search began.
    fn allows(&self, place: &Place, elapsed: Duration) -> bool {
        let later = elapsed.as_millis().saturating_mul(u128::from(A_SECOND)).checked_div(1_000);
        let later = later.and_then(|later| u32::try_from(later).ok()).unwrap_or(u32::MAX);
        let may = |count: u32, first: u32| count < first.saturating_add(later);
        may(self.of(place.sender), FIRST_OF_SENDER)
            && (place.is_privileged || may(self.of_others, FIRST_OF_OTHERS))
    }
}

/// Who begins next, where anybody may: of those that wait and those that are under way.
pub(super) fn next(places: &[Place], begun: &Begun, started: Time, now: Time) -> Option<Turn> {
    let mut waiting: Vec<_> = places.iter().filter(|place| place.since.is_none()).collect();
    waiting.sort_by_key(|place| {
        (begun.of(place.sender), place.is_retried, Reverse(place.answers), Reverse(place.number))
    });
    let allowed = waiting.into_iter().filter(|place| begun.allows(place, now - started));
    allowed.into_iter().find_map(|place| {
        let ends = room_for(place, places, now)?;
        Some(Turn { begins: place.number, ends })
    })
}

/// Whether there is a place, and who leaves it where somebody has to.
#[expect(clippy::option_option, reason = "no room, room, and room where somebody leaves")]
fn room_for(place: &Place, places: &[Place], now: Time) -> Option<Option<usize>> {
    let under_way = || places.iter().filter(|other| other.since.is_some());
    let of = |sender: IpAddr| under_way().filter(move |other| other.sender == sender);
    let has_had_turn = |other: &Place| other.since.is_some_and(|since| now - since >= TURN);
    if of(place.sender).filter(|other| !has_had_turn(other)).count() >= PLACES {
        return None;
    }
    let may_leave = |other: &&Place| has_had_turn(other) && other.is_fetching;
    if of(place.sender).count() >= MOST_OF_SENDER {
        let oldest = of(place.sender).filter(may_leave).min_by_key(|other| other.since)?;
        return Some(Some(oldest.number));
    }
    let others = under_way().filter(|other| !other.is_privileged).count();
    if under_way().count() < MOST && (place.is_privileged || others < MOST_OF_OTHERS) {
        return Some(None);
    }
    // Who has the most makes room, and not for one who has as many.
    let crowd = under_way().filter(|other| place.is_privileged || !other.is_privileged).filter(may_leave);
    let most = crowd.min_by_key(|other| (Reverse(of(other.sender).count()), other.since))?;
    (of(most.sender).count() > of(place.sender).count()).then_some(Some(most.number))
}

/// Who is forgotten where too many wait: of the sender that is one too many, else of the one that has the most, the
/// answer that came the least often, and longest ago.
pub(super) fn one_too_many(places: &[Place], newest: IpAddr) -> Option<usize> {
    let waiting = || places.iter().filter(|place| place.since.is_none());
    let of = |sender: IpAddr| waiting().filter(move |place| place.sender == sender);
    let sender = if of(newest).count() > MOST_WAITING_OF_SENDER {
        newest
    } else if waiting().count() > MOST_WAITING {
        // A crowd of others does not drive the gateway's answer out.
        let crowd = |place: &&Place| (place.is_privileged, Reverse(of(place.sender).count()), place.number);
        waiting().min_by_key(crowd)?.sender
    } else {
        return None;
    };
    of(sender).min_by_key(|place| (place.answers, place.number)).map(|place| place.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_start(Duration::from_millis(millis))
    }

    fn sender(host: u8) -> IpAddr {
        IpAddr::from([192, 168, 1, host])
    }

    fn waits(number: usize, host: u8) -> Place {
        let is_privileged = host == 1;
        let (sender, answers) = (sender(host), 1);
        Place { number, sender, is_privileged, since: None, is_fetching: true, answers, is_retried: false }
    }

    fn fetched(number: usize, host: u8, since: u64) -> Place {
        Place { since: Some(at(since)), ..waits(number, host) }
    }

    /// Lets everybody begin who may at this moment.
    fn begin(places: &mut Vec<Place>, begun: &mut Begun, now: Time) -> Vec<usize> {
        let mut began = Vec::new();
        while let Some(turn) = next(places, begun, Time::ZERO, now) {
            places.retain(|place| Some(place.number) != turn.ends);
            let place = places.iter_mut().find(|place| place.number == turn.begins).unwrap();
            place.since = Some(now);
            begun.note(place);
            began.push(turn.begins);
        }
        began
    }

    #[test]
    fn a_sender_has_four_places_and_each_is_free_after_a_second() {
        let mut places: Vec<_> = (0..12).map(|number| waits(number, 1)).collect();
        let mut begun = Begun::default();
        assert_eq!(begin(&mut places, &mut begun, at(0)), [11, 10, 9, 8]);
        assert_eq!(begin(&mut places, &mut begun, at(999)), [0; 0]);
        assert_eq!(begin(&mut places, &mut begun, at(1_000)), [7, 6, 5, 4]);
        // The first four are waited for no more.
        assert_eq!(begin(&mut places, &mut begun, at(2_000)), [3, 2, 1, 0]);
        assert_eq!(places.iter().map(|place| place.number).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn what_fails_at_once_is_replaced_at_once_sixteen_times_and_then_four_times_a_second() {
        let mut begun = Begun::default();
        let mut count = |now| {
            let mut fails = |number| begin(&mut vec![waits(number, 1)], &mut begun, now).len() == 1;
            (0..100).filter(|&number| fails(number)).count()
        };
        assert_eq!([0, 0, 249, 250, 1_000, 2_000].map(|millis| count(at(millis))), [16, 0, 0, 1, 3, 4]);
    }

    #[test]
    fn who_had_the_fewest_is_next_then_who_had_no_turn_answered_the_most_and_came_last() {
        let mut begun = Begun::default();
        begun.note(&waits(0, 66));
        let often = Place { answers: 3, ..waits(3, 66) };
        let again = Place { is_retried: true, answers: 9, ..waits(5, 66) };
        let mut places = vec![waits(1, 66), waits(2, 66), often, waits(4, 67)];
        assert_eq!(begin(&mut places, &mut begun, at(0)), [4, 3, 2, 1]);
        let mut places = vec![waits(1, 66), again, waits(2, 66)];
        assert_eq!(begin(&mut places, &mut begun, at(0)), [2, 1, 5]);
    }

    #[test]
    fn a_crowd_makes_room_for_a_sender_that_has_nothing() {
        let crowd = || (0..16).map(|number| fetched(number, 70 + u8::try_from(number / 2).unwrap(), 0));
        let mut places: Vec<_> = crowd().chain([waits(20, 66)]).collect();
        let begun = Begun::default();
        assert_eq!(next(&places, &begun, Time::ZERO, at(999)), None);
        assert_eq!(next(&places, &begun, Time::ZERO, at(1_000)), Some(Turn { begins: 20, ends: Some(0) }));
        // The gateway's own places are not the crowd's.
        places.push(waits(21, 1));
        assert_eq!(next(&places, &begun, Time::ZERO, at(0)), Some(Turn { begins: 21, ends: None }));
        // One of the crowd takes nothing from the crowd.
        let places: Vec<_> = crowd().chain([waits(20, 70)]).collect();
        assert_eq!(next(&places, &begun, Time::ZERO, at(1_000)), None);
        // What was described stays.
        let described = crowd().map(|place| Place { is_fetching: false, ..place });
        let places: Vec<_> = described.chain([waits(20, 66)]).collect();
        assert_eq!(next(&places, &begun, Time::ZERO, at(1_000)), None);
    }

    #[test]
    fn of_too_many_that_wait_the_one_that_came_once_and_longest_ago_is_forgotten() {
        let mut places: Vec<_> = (0..17).map(|number| waits(number, 1)).collect();
        places[0].answers = 2;
        assert_eq!(one_too_many(&places, sender(1)), Some(1));
        assert_eq!(one_too_many(&places[..16], sender(1)), None);
        let hosts = |number: usize| u8::try_from(2 + number / 11).unwrap();
        let mut places: Vec<_> = (0..33).map(|number| waits(number, hosts(number))).collect();
        places.push(waits(33, 1));
        assert_eq!(one_too_many(&places, sender(1)), Some(0));
        // Not even where each of the crowd has but one.
        let mut places: Vec<_> =
            (0..32).map(|number| waits(number, 100 + u8::try_from(number).unwrap())).collect();
        places.push(waits(33, 1));
        assert_eq!(one_too_many(&places, sender(1)), Some(0));
    }
}
