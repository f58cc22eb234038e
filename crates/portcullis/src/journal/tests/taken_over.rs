//! What a process takes over from those before it.

use super::*;

#[test]
fn what_was_not_to_be_left_is_claimed_once() {
    let directory = Directory::new();
    directory.dead(&[entry(1), left(2), Entry { granted: true, ..entry(3) }]);
    assert_eq!(directory.all(at(0)), [(1, false), (2, false), (3, false)]);
    let mut first = directory.journal();
    assert_eq!(ids(&first.claim(at(0))), [1, 3]);
    assert_eq!(directory.all(at(0)), [(1, true), (2, false), (3, true)]);
    assert!(first.claim(at(0)).is_empty());
    let mut second = directory.journal();
    assert!(second.claim(at(0)).is_empty());
    assert_eq!(ids(&second.left_open(at(0))), [2]);
    drop(first);
    assert_eq!(ids(&second.claim(at(0))), [1, 3]);
    assert!(second.take_warnings().is_empty());
}

#[test]
fn what_a_living_process_keeps_is_that_ones_to_take_over() {
    let directory = Directory::new();
    directory.dead(&[Entry { custody: Custody::Unwanted, granted: true, ..entry(1) }]);
    let mut keeper = directory.journal();
    put(&mut keeper, Entry { method: Method::NatPmp, nonce: None, granted: true, ..entry(2) });
    let mut another = directory.journal();
    assert!(another.claim(at(0)).is_empty());
    assert_eq!(ids(&keeper.claim(at(0))), [1]);
}

#[test]
fn what_cannot_be_deleted_here_is_left_to_others() {
    let directory = Directory::new();
    directory.dead(&[entry(1), Entry { method: Method::Igd, nonce: None, ..entry(2) }]);
    let mut journal = directory.journal();
    let (claimed, _) = journal.begin(at(0), |method| method == Method::Igd);
    assert_eq!(ids(&claimed), [2]);
    assert_eq!(ids(&directory.journal().claim(at(0))), [1]);
}

#[test]
fn what_has_expired_is_dropped_and_the_empty_file_with_it() {
    let directory = Directory::new();
    directory.dead(&[entry(1), left(2)]);
    let permanent = Entry { lifetime: Lifetime::Permanent, expires: None, ..left(3) };
    directory.dead(&[permanent, left(4)]);
    let mut journal = directory.journal();
    assert_eq!(directory.all(at(3_599)).len(), 4);
    let (claimed, left_open) = journal.begin(at(3_600), |_| true);
    assert_eq!((ids(&claimed), ids(&left_open.left_open)), (vec![], vec![3]));
    assert_eq!(directory.names().len(), 1);
    assert_eq!(directory.all(at(1_000_000)), [(3, false)]);
}

#[test]
fn after_a_reboot_what_may_still_be_open_is_kept_and_no_more() {
    let header = "portcullis-journal 1 here earlier-boot boot";
    let expires = Some(at(50_000));
    for (now, claimed) in [(3_599, vec![1]), (3_600, vec![])] {
        let directory = Directory::new();
        directory.dead_of(header, &[Entry { expires, ..entry(1) }, Entry { expires, ..left(2) }]);
        let mut journal = directory.journal();
        let entries = journal.claim(at(now));
        assert_eq!(ids(&entries), claimed);
        assert!(entries.iter().all(|entry| entry.expires == Some(at(3_600))));
        // It is of this boot by now, and says the same.
        assert_eq!(journal.left_open(at(now)).iter().map(|entry| entry.expires).next(), {
            (now < 3_600).then_some(Some(at(3_600)))
        });
    }
}

#[test]
fn what_another_machine_wrote_is_left_alone() {
    let directory = Directory::new();
    let path = directory.dead_of("portcullis-journal 1 there this-boot boot", &[entry(1), left(2)]);
    let mut journal = directory.journal();
    let bytes = fs::read(&path).unwrap();
    assert!(journal.claim(at(100_000)).is_empty());
    assert!(journal.left_open(at(0)).is_empty());
    assert!(journal.take_warnings().is_empty());
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn an_entry_of_a_dead_process_is_changed_where_it_is() {
    let directory = Directory::new();
    let path = directory.dead(&[left(1), left(2)]);
    let mut journal = directory.journal();
    assert_eq!(ids(&journal.left_open(at(0))), [1, 2]);
    let renewed = Entry { expires: Some(at(7_000)), lifetime: Lifetime::from_seconds(7_200), ..left(1) };
    put(&mut journal, renewed.clone());
    assert_eq!(journal.left_open(at(0)), [renewed, left(2)]);
    erase(&mut journal, 2);
    assert_eq!(directory.all(at(0)), [(1, false)]);
    assert!(path.exists());
    erase(&mut journal, 1);
    assert!(directory.names().is_empty());
    // As if it had been there.
    erase(&mut journal, 1);
    put(&mut journal, left(1));
    assert_eq!(directory.all(at(0)), [(1, true)]);
}

#[test]
fn an_entry_that_nobody_looked_for_before_is_erased_all_the_same() {
    let directory = Directory::new();
    directory.dead(&[left(1), left(2)]);
    let mut journal = directory.journal();
    erase(&mut journal, 2);
    assert_eq!(directory.all(at(0)), [(1, false)]);
}

#[test]
fn of_two_that_close_the_same_one_finds_nothing_left_to_do() {
    let directory = Directory::new();
    directory.dead(&[left(1)]);
    let (mut one, mut two) = (directory.journal(), directory.journal());
    assert_eq!(ids(&one.left_open(at(0))), [1]);
    assert_eq!(ids(&two.left_open(at(0))), [1]);
    erase(&mut one, 1);
    erase(&mut two, 1);
    assert!(directory.names().is_empty());
}

#[test]
fn many_files_of_the_dead_become_one() {
    let directory = Directory::new();
    let die = |ids: core::ops::Range<u64>| ids.for_each(|id| drop(directory.dead(&[left(id)])));
    die(0..4);
    let mut other = directory.journal();
    assert_eq!(other.left_open(at(0)).len(), 4);
    assert_eq!(directory.names().len(), 4);
    die(4..40);
    assert!(directory.journal().claim(at(0)).is_empty());
    assert_eq!(directory.names().len(), 1);
    assert_eq!(directory.all(at(0)).len(), 40);
    // Found where it is now.
    erase(&mut other, 2);
    put(&mut other, Entry { expires: Some(at(100)), ..left(3) });
    assert_eq!(directory.names().len(), 1);
    assert_eq!(directory.all(at(0)).len(), 39);
}

#[test]
fn files_are_made_until_there_are_too_many_of_them() {
    let directory = Directory::new();
    let path = directory.dead(&[left(0)]);
    for copy in 1..files::MAX_FILES {
        fs::copy(&path, directory.0.join(format!("{copy}.journal"))).unwrap();
    }
    let mut journal = directory.journal();
    let error = journal.record(&Record::Put(entry(1))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().contains("too many journals"), "{error}");
    assert!(journal.claim(at(0)).is_empty());
    put(&mut journal, entry(1));
    assert_eq!(directory.all(at(0)), [(0, false), (1, true)]);
}

#[test]
fn what_was_not_to_be_left_is_claimed_where_it_is_when_there_is_no_room_for_it() {
    let directory = Directory::new();
    let path = directory.dead(&[left(0)]);
    for copy in 2..files::MAX_FILES {
        fs::copy(&path, directory.0.join(format!("{copy}.journal"))).unwrap();
    }
    directory.dead(&[entry(1), entry(2), left(3)]);
    fs::remove_file(&path).unwrap();
    fs::copy(directory.0.join("2.journal"), directory.0.join("0.journal")).unwrap();
    let mut journal = directory.journal();
    let (claimed, left_open) = journal.begin(at(0), |_| true);
    assert_eq!((ids(&claimed), ids(&left_open.left_open)), (vec![1, 2], vec![0, 3]));
    let text = messages(&journal.take_warnings());
    assert!(text.contains("too many journals") && text.contains("is deleted all the same"), "{text}");
    erase(&mut journal, 2);
    assert_eq!(directory.all(at(0)), [(0, false), (1, false), (3, false)]);
    erase(&mut journal, 1);
    assert_eq!(directory.all(at(0)), [(0, false), (3, false)]);
}

#[test]
fn what_a_death_in_the_middle_left_twice_is_claimed_once() {
    let directory = Directory::new();
    let path = directory.dead(&[entry(1), entry(2)]);
    fs::copy(&path, directory.0.join("copy.journal")).unwrap();
    fs::write(directory.0.join("1-2.journal.new"), "half of").unwrap();
    let mut journal = directory.journal();
    assert_eq!(ids(&journal.claim(at(0))), [1, 2]);
    assert_eq!(directory.names().len(), 1);
    assert_eq!(directory.all(at(0)), [(1, true), (2, true)]);
}
