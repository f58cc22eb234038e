//! What a process keeps for itself.

use super::*;

#[test]
fn there_is_no_file_until_there_is_an_entry_and_none_when_the_last_has_gone() {
    let directory = Directory::new();
    let mut journal = directory.journal();
    erase(&mut journal, 1);
    assert!(directory.names().is_empty());
    put(&mut journal, entry(1));
    put(&mut journal, Entry { granted: true, ..entry(1) });
    put(&mut journal, entry(2));
    assert_eq!(directory.all(at(0)), [(1, true), (2, true)]);
    assert_eq!(directory.names().len(), 1);
    erase(&mut journal, 2);
    erase(&mut journal, 1);
    assert!(directory.all(at(0)).is_empty());
    put(&mut journal, entry(3));
    assert_eq!(directory.all(at(0)), [(3, true)]);
    erase(&mut journal, 3);
    drop(journal);
    assert!(directory.names().is_empty());
}

#[test]
fn the_latest_of_an_entry_counts() {
    let directory = Directory::new();
    let mut journal = directory.journal();
    put(&mut journal, entry(1));
    let granted = Entry {
        granted: true,
        external_port: NonZeroU16::new(40_000).unwrap(),
        expires: Some(at(3_500)),
        ..entry(1)
    };
    put(&mut journal, granted.clone());
    let (found, _) = Journal::read_as(&directory.0, &here(), at(1_000));
    assert_eq!(found, [Found { entry: granted, alive: true }]);
}

#[test]
fn years_of_renewals_do_not_fill_the_file() {
    let directory = Directory::new();
    let mut journal = directory.journal();
    let mut longest = 0;
    for round in 0..2_000 {
        for id in 0..3 {
            put(&mut journal, Entry { granted: true, expires: Some(at(round)), ..entry(id) });
        }
        put(&mut journal, Entry { granted: true, ..entry(1_000 + round) });
        erase(&mut journal, 1_000 + round);
        let path = journal.own.as_ref().unwrap().path();
        longest = longest.max(path.metadata().unwrap().len());
        assert!(journal.own.as_ref().unwrap().is_there());
    }
    assert!(longest < 80 * 1024, "{longest} bytes");
    assert_eq!(directory.names().len(), 1);
    // Still held, whatever file it is by now.
    assert_eq!(directory.all(at(0)), [(0, true), (1, true), (2, true)]);
    assert!(directory.journal().claim(at(0)).is_empty());
}

#[test]
fn more_than_fits_is_refused_and_what_is_there_stays() {
    let directory = Directory::new();
    let mut journal = directory.journal();
    let long =
        |id| Entry { granted: true, description: "ä".repeat(512), gateway: "ä".repeat(256), ..entry(id) };
    let refused = (0..1_000).find(|id| journal.record(&Record::Put(long(*id))).is_err()).unwrap();
    let error = journal.record(&Record::Put(long(refused))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().contains("is full; close mappings"), "{error}");
    assert_eq!(directory.all(at(0)).len(), usize::try_from(refused).unwrap());
    erase(&mut journal, 0);
    erase(&mut journal, 1);
    put(&mut journal, long(refused));
    assert!(fs::metadata(journal.own.as_ref().unwrap().path()).unwrap().len() <= MAX_FILE);
    assert_eq!(directory.all(at(0)).len(), usize::try_from(refused).unwrap() - 1);
}

#[test]
fn a_file_that_somebody_removed_is_made_again_with_everything() {
    let directory = Directory::new();
    let mut journal = directory.journal();
    put(&mut journal, entry(1));
    fs::remove_dir_all(&directory.0).unwrap();
    put(&mut journal, entry(2));
    assert_eq!(directory.all(at(0)), [(1, true), (2, true)]);
    fs::remove_dir_all(&directory.0).unwrap();
    // Not worth a file.
    erase(&mut journal, 1);
    erase(&mut journal, 7);
    assert!(!directory.0.exists());
}

#[test]
fn what_could_not_be_written_to_its_end_does_not_stand_in_the_way() {
    let directory = Directory::new();
    let mut journal = directory.journal();
    put(&mut journal, entry(1));
    let path = journal.own.as_ref().unwrap().path().to_owned();
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    io::Write::write_all(&mut file, b"0123456789abcdef put 1 000").unwrap();
    put(&mut journal, entry(2));
    assert_eq!(directory.all(at(0)), [(1, true), (2, true)]);
}

#[test]
fn two_clients_of_one_process_are_two() {
    let directory = Directory::new();
    let (mut one, mut two) = (directory.journal(), directory.journal());
    put(&mut one, entry(1));
    put(&mut two, entry(2));
    assert!(one.claim(at(0)).is_empty());
    assert_eq!(directory.all(at(0)), [(1, true), (2, true)]);
    drop(one);
    assert_eq!(ids(&two.claim(at(0))), [1]);
    assert_eq!(directory.all(at(0)), [(1, true), (2, true)]);
}

#[test]
fn the_default_directory_is_one_of_its_own() {
    let directory = Journal::default_directory();
    assert!(directory.is_none_or(|path| path.is_absolute() && path.ends_with("portcullis") || cfg!(windows)));
}
