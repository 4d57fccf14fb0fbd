"""Relays that break a promise of docs/hook-path.md, by a small edit each, and the tests that must fail then."""

from dataclasses import dataclass

COMPILES = "test_relay_compiles_without_a_warning"
LOOKED_AT = "test_a_line_that_the_host_s_shell_runs_has_the_same_of_all_and_gives_the_same"


@dataclass(frozen=True)
class Mutant:
    """A relay that breaks a promise."""

    file: str
    what: str
    edits: dict[str, str]
    """What its text becomes; each piece occurs once."""
    tests: tuple[str, ...]
    """All of them must fail."""


def c(what: str, edits: dict[str, str], *tests: str) -> Mutant:
    return Mutant("relay.c", what, edits, tests)


def py(what: str, edits: dict[str, str], *tests: str) -> Mutant:
    return Mutant("relay.py", what, edits, tests)


def start(what: str, edits: dict[str, str], *tests: str) -> Mutant:
    return Mutant("main.py", what, edits, tests)


# By how the promise begins on the page.
MUTANTS: dict[str, list[Mutant]] = {
    # --- It is installed where nothing moves it
    "The state folder is an argument": [
        c(
            "a variable names the folder",
            {"chdir(argv[1])": 'chdir(getenv("HOOKSPAN_HOME") ? getenv("HOOKSPAN_HOME") : argv[1])'},
            "test_a_hostile_environment_changes_nothing",
        ),
        c(
            "without an argument it is this folder",
            {"argc < 2 || chdir(argv[1]) != 0": "(argc > 1 && chdir(argv[1]) != 0)"},
            "test_no_argument_at_all",
        ),
        c(
            "a missing folder is made",
            {"argc < 2 || chdir": "argc < 2 || (mkdir(argv[1], 0700) != 0 && errno != EEXIST) || chdir"},
            "test_a_missing_state_folder_stays_missing",
        ),
        py(
            "a variable names the folder",
            {"chdir(sys.argv[1])": 'chdir(posix.environ.get(b"HOOKSPAN_HOME", sys.argv[1]))'},
            "test_a_hostile_environment_changes_nothing",
        ),
    ],
    "`relay.conf` holds": [
        c(
            "a command that is cut short is run",
            {"n == (ssize_t)sizeof text)": "n == 0)", "read(fd, text, sizeof text);": "read(fd, text, 16383);"},
            "test_no_start_without_a_setting_and_an_absolute_program",
        ),
        py(
            "a command that is cut short is run",
            {" if len(text) < 16384 else ()": ""},
            "test_no_start_without_a_setting_and_an_absolute_program",
        ),
    ],
    # --- It reads all of stdin, and waits for nobody
    "Stdin is read to its end": [
        c(
            "one read is enough",
            {"payload_bytes += n;": "{\n            payload_bytes += n;\n            return true;\n        }"},
            "test_payload",
            "test_payload_in_pieces",
        ),
        c(
            "stdin is opened by its name",
            {"read(STDIN_FILENO, payload": 'read(open("/dev/stdin", O_RDONLY), payload'},
            "test_payload_from_a_socket",
        ),
        py(
            "one read is enough",
            {"while chunk := posix.read(0, 65536)": "if chunk := posix.read(0, 65536)"},
            "test_payload_in_pieces",
        ),
    ],
    "If the host never closes stdin": [
        c(
            "it waits for an hour",
            {"(2 * SECOND)": "(3600 * SECOND)"},
            "test_stdin_that_is_never_closed_gives_what_came",
        ),
        c("it waits for a second", {"(2 * SECOND)": "(1 * SECOND)"}, "test_stdin_that_is_never_closed_gives_what_came"),
        c(
            "what came by then is dropped",
            {"if (left <= 0)\n            return payload_bytes > 0;": "if (left <= 0)\n            return false;"},
            "test_stdin_that_is_never_closed_gives_what_came",
        ),
        c(
            "silence counts as an empty event",
            {"if (left <= 0)\n            return payload_bytes > 0;": "if (left <= 0)\n            return true;"},
            "test_stdin_that_never_says_anything_is_counted",
        ),
        c(
            "an error counts as the end",
            {"errno != EAGAIN)\n            return payload_bytes > 0;": "errno != EAGAIN)\n            return true;"},
            "test_closed_stdin_is_counted",
        ),
        py(
            "it waits for a second",
            {"REAL, 2, 0.05": "REAL, 1, 0.05"},
            "test_stdin_that_is_never_closed_gives_what_came",
        ),
        py(
            "a signal that the host blocked stays blocked",
            {"    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())\n": ""},
            "test_stdin_that_is_never_closed_gives_what_came",
        ),
        py(
            "silence counts as an empty event",
            {"size or -len(late[:1])": "size"},
            "test_stdin_that_never_says_anything_is_counted",
            "test_closed_stdin_is_counted",
        ),
    ],
    "A payload over 16 MiB is read to its end": [
        c("the rest stays", {"if (left <= 0)": "if (left <= 0 || payload_bytes > PAYLOAD_MAX)"}, "test_payload"),
        c("the size is that of the cap", {"(long long)payload_bytes);": "(long long)PAYLOAD_MAX);"}, "test_payload"),
        py("the rest stays", {"chunks.clear()": "break"}, "test_payload"),
    ],
    "The time is that of the relay's first instruction": [
        c(
            "the time is that of the end of stdin",
            {" : read_stdin();": " : read_stdin();\n    at = nanoseconds(CLOCK_REALTIME);"},
            "test_time_is_that_of_the_start_and_took_lasts_until_the_write",
        ),
        c(
            "nothing takes time",
            {"(long long)(nanoseconds(CLOCK_MONOTONIC) - began)": "0LL"},
            "test_time_is_that_of_the_start_and_took_lasts_until_the_write",
        ),
        c(
            "age is the wait for a processor alone",
            {"lived += strtoll": "lived = strtoll"},
            "test_age_is_what_the_process_had_lived_through_before",
        ),
        py(
            "the time is that of the end of stdin",
            {
                "    payload, size = read_stdin()": "    global AT\n    payload, size = read_stdin()\n"
                "    AT = time.time_ns()"
            },
            "test_time_is_that_of_the_start_and_took_lasts_until_the_write",
        ),
        start(
            "age is the wait for a processor alone",
            {"int(LIVED[0]) + ": ""},
            "test_age_is_what_the_process_had_lived_through_before",
        ),
    ],
    # --- It appends one line
    "One JSON object per line": [
        c("CR stays", {" || payload[i] == '\\r' ?": " ?"}, "test_payload"),
        c("an empty payload is nothing", {'memcpy(payload, "null", size = 4);': "size = 0;"}, "test_payload"),
        c(
            "keys in another order",
            {r'",\"pid\":%ld,\"ppid\":%ld': r'",\"ppid\":%ld,\"pid\":%ld'},
            "test_a_line_is_one_json_object_with_these_keys",
        ),
        py("CR stays", {'.replace(b"\\r", b" ")': ""}, "test_payload"),
    ],
    "Whose hook it is": [
        c("any name", {"length <= AGENT_MAX && ": ""}, "test_whose_hook_it_is_stands_among_the_arguments"),
        py("any name", {"not 0 < len(AGENT) <= 32 or ": ""}, "test_whose_hook_it_is_stands_among_the_arguments"),
    ],
    "Only twelve environment variables are recorded": [
        c(
            "a key is recorded, too",
            {'recorded[] = {\n    "CLAUDE_PID"': 'recorded[] = {\n    "ANTHROPIC_API_KEY", "CLAUDE_PID"'},
            "test_env_is_recorded_by_an_allow_list",
        ),
        c(
            "any length",
            {"ENV_VALUE_MAX + 1) > ENV_VALUE_MAX": "ENV_VALUE_MAX + 1) > ENV_VALUE_MAX + 1"},
            "test_env_value_that_is_no_short_text_is_left_out",
        ),
        c(
            "surrogates are text",
            {"(s[0] == 0xED && s[1] > 0x9F) || ": ""},
            "test_env_value_that_is_no_short_text_is_left_out",
        ),
        c(
            "the longest is too long",
            {"ENV_VALUE_MAX + 1) > ENV_VALUE_MAX": "ENV_VALUE_MAX + 1) >= ENV_VALUE_MAX"},
            "test_env_value_at_the_limits",
        ),
        py(
            "a key is recorded, too",
            {'b"CLAUDE_PID ': 'b"ANTHROPIC_API_KEY CLAUDE_PID '},
            "test_env_is_recorded_by_an_allow_list",
        ),
        py("any length", {" if len(value) <= 1024": " if value"}, "test_env_value_that_is_no_short_text_is_left_out"),
        c(
            "a provider's value",
            {r'%s\":\"1\"", comma, switches[i])': r'%s\":\"%s\"", comma, switches[i], value)'},
            "test_of_a_provider_only_its_presence_is_recorded",
        ),
        c(
            "whatever it is",
            {"if (value && is_on(value)) {": "if (value && (is_on(value) || *value)) {"},
            "test_a_provider_that_the_client_takes_for_off_leaves_nothing",
        ),
        py(
            "whatever it is",
            {'if switch in (b"1", b"true", b"yes", b"on"):': "if switch:"},
            "test_a_provider_that_the_client_takes_for_off_leaves_nothing",
        ),
    ],
    "One write to a file opened for appending": [
        c(
            "not opened to append",
            {"O_RDWR | O_APPEND | NEW_FILE": "O_RDWR | NEW_FILE"},
            "test_no_file_is_opened_through_a_link_or_created_over_another",
            "test_64_at_once",
        ),
        c(
            "a link is followed",
            {"(O_CREAT | O_NOFOLLOW | O_CLOEXEC)": "(O_CREAT | O_CLOEXEC)"},
            "test_no_file_is_opened_through_a_link_or_created_over_another",
        ),
        c(
            "a shared lock",
            {"while (flock(fd, LOCK_EX |": "while (flock(fd, LOCK_SH |"},
            "test_no_file_is_opened_through_a_link_or_created_over_another",
        ),
        c(
            "two writes",
            {"writev(fd, line, 4)": "writev(fd, line, 2) + writev(fd, line + 2, 2)"},
            "test_system_calls_of_the_compiled_relay",
        ),
        py(
            "not opened to append",
            {"CREATE | posix.O_APPEND": "CREATE"},
            "test_no_file_is_opened_through_a_link_or_created_over_another",
        ),
        py(
            "two writes",
            {"posix.writev(fd, line)": "posix.writev(fd, line[:2]) + posix.writev(fd, line[2:])"},
            "test_the_interpreted_relay_starts_nothing_and_writes_once",
        ),
    ],
    "If the lock is held, the relay tries for 50 ms": [
        c(
            "a lock that is held is passed over",
            {"(!lock(current, give_up))": "(!lock(current, 0 * give_up) && !began)"},
            "test_lock_held_by_another_gives_a_stray",
        ),
        c("it waits for an hour", {"(50 * MS)": "(3600 * SECOND)"}, "test_lock_held_by_another_gives_a_stray"),
        c("it is tried once", {"(50 * MS)": "(0 * MS)"}, "test_lock_held_for_a_moment_is_waited_for"),
        c(
            "a stray that can't be made is forgotten",
            {"return LOCK;": "return NONE;"},
            "test_a_lock_without_a_place_for_strays_is_counted",
        ),
        py(
            "a lock that is held is passed over",
            {"if not lock(fd, end - time.monotonic()):": "if not lock(fd, end - time.monotonic()) and fd < 0:"},
            "test_lock_held_by_another_gives_a_stray",
        ),
    ],
    "A journal that was rotated or unlinked": [
        c(
            "what it holds is taken for the journal",
            {"named.st_ino == st.st_ino": "(named.st_ino == st.st_ino || true)"},
            "test_a_journal_that_goes_away_before_the_lock_is_opened_anew",
            "test_rotation_under_load_loses_no_line",
        ),
        c(
            "a folder that another made is an error",
            {' && (mkdir("journal", 0700) == 0 || errno == EEXIST)': ' && mkdir("journal", 0700) == 0'},
            "test_two_that_both_find_no_journal_create_one",
        ),
        py(
            "what it holds is taken for the journal",
            {"(named.st_ino, named.st_dev) == (st.st_ino, st.st_dev)": "named"},
            "test_a_journal_that_goes_away_before_the_lock_is_opened_anew",
            "test_rotation_under_load_loses_no_line",
        ),
    ],
    "A torn last line is terminated first": [
        c("no LF before", {"last != '\\n', line)": "false, line)"}, "test_a_torn_last_line_is_ended_first"),
        c(
            "no truncate after",
            {"ftruncate(fd, end)": "ftruncate(fd, end + written)"},
            "test_a_short_write_leaves_nothing_behind",
        ),
        c("a short stray stays", {"    unlinkat(journal, name, 0);\n": ""}, "test_a_short_write_leaves_nothing_behind"),
        c(
            "a lock that outlives its holder",
            {
                "(!lock(current, give_up))": '(!lock(current, give_up) || mkdir("busy", 0700) != 0)',
                "close(current);  // the next": (
                    'unlinkat(AT_FDCWD, "busy", AT_REMOVEDIR);\n    close(current);  // the next'
                ),
            },
            "test_a_killed_writer_stands_in_nobodys_way",
        ),
        py("no LF before", {'line[0] = b"\\n"': 'line[0] = b""'}, "test_a_torn_last_line_is_ended_first"),
        py("no truncate after", {"        posix.ftruncate(fd, end)\n": ""}, "test_a_short_write_leaves_nothing_behind"),
    ],
    "The relay does not write to a journal at its cap": [
        c(
            "no cap",
            {"if (st.st_size > conf.cap)": "if (st.st_size > INT64_MAX - conf.cap)"},
            "test_a_journal_at_its_cap_is_not_written_to",
            "test_the_cap_is_1_gib_without_a_better_one",
        ),
        c("a cap of 0 counts", {" && strtoll(value, NULL, 10) > 0": ""}, "test_the_cap_is_1_gib_without_a_better_one"),
        c(
            "no heartbeat is needed",
            {"> STALE_AFTER;": "> 1000 * STALE_AFTER;"},
            "test_without_an_agent_for_7_days_nothing_is_written",
        ),
        c(
            "a holiday is for ever",
            {"if (stale && !may_start())": "if (stale)"},
            "test_after_a_holiday_the_hook_that_starts_the_agent_is_written",
        ),
        c(
            "a hook that may start it is always written",
            {"stale && st.st_size > STALE_CAP": "stale && st.st_size > CAP_DEFAULT"},
            "test_after_a_holiday_the_hook_that_starts_the_agent_is_written",
        ),
        py(
            "no cap",
            {' > rare("settings")[0]': ' > 9 * rare("settings")[0]'},
            "test_a_journal_at_its_cap_is_not_written_to",
            "test_the_cap_is_1_gib_without_a_better_one",
        ),
        py(
            "no heartbeat is needed",
            {"7 * 24 * 3600": "7000 * 24 * 3600"},
            "test_without_an_agent_for_7_days_nothing_is_written",
        ),
    ],
    # --- It wakes the agent, and starts one if there is none
    "One datagram after the line": [
        c(
            "the poke comes first",
            {
                "enum reason why = read": "bool alive = poke();\n    enum reason why = read",
                "    bool alive = poke();\n    if (!alive": "    if (!alive",
            },
            "test_poke_comes_after_the_line",
        ),
        c(
            "what was lost wakes nobody",
            {"        count(why);\n    }": "        count(why);\n        _exit(0);\n    }"},
            "test_poke_comes_even_if_nothing_could_be_written_or_counted",
        ),
        c("a full queue is waited for", {"1, MSG_DONTWAIT,": "1, 0,"}, "test_a_full_queue_means_that_the_agent_lives"),
        c(
            "a full queue is a dead agent",
            {"errno != ECONNREFUSED)": "errno != ECONNREFUSED && errno != EAGAIN)"},
            "test_a_full_queue_means_that_the_agent_lives",
            "test_a_stopped_agent_is_neither_waited_for_nor_replaced",
        ),
        py(
            "the poke comes first",
            {
                '        if why := b"read"': '        alive = poke()\n        if why := b"read"',
                "    alive = poke()\n    if not alive": "    if not alive",
            },
            "test_poke_comes_after_the_line",
        ),
        py(
            "a full queue is a dead agent",
            {"ConnectionRefusedError)": "ConnectionRefusedError, BlockingIOError)"},
            "test_a_full_queue_means_that_the_agent_lives",
        ),
    ],
    "A path that is too long for a socket name": [
        c(
            "the whole path is used",
            {
                ', .sun_path = "run/poke.sock"};': '};\n    char here[4096] = "", *its = here;\n'
                '    if (readlink("/proc/self/cwd", here, sizeof here - 1) > 0)\n'
                '        snprintf(to.sun_path, sizeof to.sun_path, "%s/run/poke.sock", its);'
            },
            "test_poke_where_the_path_is_too_long_for_a_socket",
        ),
        py(
            "the whole path is used",
            {'"run/poke.sock")': 'posix.getcwd() + "/run/poke.sock")'},
            "test_poke_where_the_path_is_too_long_for_a_socket",
        ),
    ],
    "If no agent runs, one is started": [
        c(
            "a stale socket is an agent",
            {"(errno != ENOENT && errno != ECONNREFUSED)": "errno != ENOENT"},
            "test_starts_the_agent",
            "test_an_agent_that_left_is_started_again",
        ),
        c("down is not heard", {' && access("down", F_OK) != 0': ""}, "test_down_means_down"),
        c("nobody is asked", {"conf.autostart && ": ""}, "test_no_start_without_a_setting_and_an_absolute_program"),
        c(
            "any program",
            {" && conf.arg[0][0] == '/'": ""},
            "test_no_start_without_a_setting_and_an_absolute_program",
        ),
        py("down is not heard", {' and not posix.access("down", posix.F_OK)': ""}, "test_down_means_down"),
    ],
    "It is detached and inherits no secret": [
        c(
            "the API key goes along",
            {'inherited[] = {"HOME"': 'inherited[] = {"ANTHROPIC_API_KEY", "HOME"'},
            "test_a_started_agent_is_detached_and_knows_no_secret",
        ),
        c("no session of its own", {"    setsid();": "    "}, "test_a_started_agent_is_detached_and_knows_no_secret"),
        c(
            "blocked signals stay blocked",
            {"    sigprocmask(SIG_SETMASK, &none, NULL);\n": ""},
            "test_a_started_agent_is_detached_and_knows_no_secret",
        ),
        c(
            "ignored signals stay ignored",
            {"signal(number, SIG_DFL)": "signal(number, number == SIGHUP ? SIG_IGN : SIG_DFL)"},
            "test_a_started_agent_is_detached_and_knows_no_secret",
        ),
        c(
            "files stay open",
            {"SYS_close_range, 4U": "SYS_close_range, 64U"},
            "test_descriptors_are_right_whatever_the_host_closed",
        ),
        c(
            "the start lock is not handed on",
            {"start_lock == 3 ? fcntl(3, F_SETFD, 0) != 0 : dup2": "dup2"},
            "test_descriptors_are_right_whatever_the_host_closed",
        ),
        c(
            "stderr stays the host's",
            {"fd < 3; fd++)": "fd < 2; fd++)"},
            "test_descriptors_are_right_whatever_the_host_closed",
        ),
        py(
            "the API key goes along",
            {'b"HOME USER': 'b"ANTHROPIC_API_KEY HOME USER'},
            "test_a_started_agent_is_detached_and_knows_no_secret",
        ),
        py(
            "the start lock is not handed on",
            {"    posix.set_inheritable(3, True)\n": ""},
            "test_descriptors_are_right_whatever_the_host_closed",
        ),
    ],
    "Twenty hooks at once start one agent": [
        c(
            "a start is neither locked nor remembered",
            {
                "flock(fd, LOCK_EX | LOCK_NB) != 0 || poke()": "poke()",
                "if (tries > 0 && now >= last && now - last < wait)": "if (wait < 0)",
            },
            "test_20_hooks_at_once_start_one_agent",
            "test_a_broken_agent_makes_no_storm",
        ),
        c(
            "the start lock is not kept",
            {"flock(fd, LOCK_EX | LOCK_NB) != 0 || poke()": "poke()"},
            "test_an_agent_that_is_starting_is_not_started_again",
        ),
        c(
            "it does not look again",
            {" != 0 || poke())": " != 0)"},
            "test_an_agent_that_got_ready_just_now_is_not_started_again",
        ),
        c(
            "the time between tries stays",
            {"wait *= 2": "wait += 0"},
            "test_time_between_tries_doubles_up_to_10_minutes",
        ),
        c(
            "it doubles without an end",
            {"START_WAIT_MAX 600": "START_WAIT_MAX 6000"},
            "test_time_between_tries_doubles_up_to_10_minutes",
        ),
        c(
            "a clock that was set back stops it",
            {"tries > 0 && now >= last && ": "tries > 0 && "},
            "test_time_between_tries_doubles_up_to_10_minutes",
        ),
        c(
            "a time before 1970 is taken for one",
            {"last < 0 || tries < 0": "tries < 0"},
            "test_a_start_lock_that_says_nothing_is_a_first_try",
        ),
        c(
            "a link is followed",
            {'"run/start.lock", O_RDWR | NEW_FILE': '"run/start.lock", O_RDWR | O_CREAT'},
            "test_files_of_another_kind_start_nothing",
        ),
        c(
            "a FIFO is waited for",
            {"O_RDONLY | O_NOFOLLOW | O_NONBLOCK": "O_RDONLY | O_NOFOLLOW"},
            "test_files_of_another_kind_start_nothing",
        ),
        py(
            "the start lock is not kept",
            {"if not lock(fd, -1) or poke()": "if poke()"},
            "test_an_agent_that_is_starting_is_not_started_again",
        ),
        py(
            "it does not look again",
            {"lock(fd, -1) or poke()": "lock(fd, -1)"},
            "test_an_agent_that_got_ready_just_now_is_not_started_again",
        ),
        py(
            "the time between tries stays",
            {"30 << min(tries - 1, 9)": "30"},
            "test_time_between_tries_doubles_up_to_10_minutes",
        ),
    ],
    # --- What could not be written is counted
    "Counts are updated in place": [
        c(
            "the file is begun anew",
            {'"drops", O_RDWR |': '"drops", O_RDWR | O_TRUNC |'},
            "test_a_full_disk_is_counted_in_place_and_recovers",
        ),
        c(
            "it complains where nothing can be counted",
            {"return;  // a full disk": '(void)!write(STDERR_FILENO, "drops", 5);  // a full disk'},
            "test_a_full_disk_without_the_side_file_is_borne_in_silence",
        ),
        py(
            "the file is begun anew",
            {'"drops", CREATE': '"drops", CREATE | posix.O_TRUNC'},
            "test_a_full_disk_is_counted_in_place_and_recovers",
        ),
    ],
    "Many relays can count at once": [
        c(
            "the others are forgotten",
            {
                "if (whole) {": "if (whole && i == (int)why) {",
                "off_t from = whole ?": "off_t from = began < 0 ?",
                "size_t size = whole ?": "size_t size = began < 0 ?",
            },
            "test_drops_counts_everyone_and_keeps_what_is_there",
        ),
        c(
            "it looks before it locks",
            {
                "|| !lock(fd, give_up))\n        return;\n": ")\n        return;\n",
                "    bool whole = got": "    if (!lock(fd, give_up))\n        return;\n    bool whole = got",
            },
            "test_drops_created_by_two_at_once_counts_both",
        ),
        c(
            "half a file is a whole one",
            {"got == (ssize_t)sizeof table - 1": "got > 0"},
            "test_drops_that_is_damaged_is_written_anew",
        ),
        c(
            "no lock",
            {"|| !lock(fd, give_up)": "|| (!lock(fd, give_up) && fd < 0)"},
            "test_a_locked_drops_file_is_not_waited_for",
        ),
        c("it waits for an hour", {"(200 * MS)": "(3600 * SECOND)"}, "test_a_locked_drops_file_is_not_waited_for"),
        c(
            "a second name is followed",
            {" || st.st_nlink != 1": ""},
            "test_drops_that_is_no_file_of_its_own_is_left_alone",
        ),
        c(
            "a link is followed",
            {'"drops", O_RDWR | NEW_FILE': '"drops", O_RDWR | O_CREAT'},
            "test_drops_that_is_no_file_of_its_own_is_left_alone",
        ),
        py(
            "it looks before it locks",
            {"whole = posix.fstat(fd).st_size": "whole = st.st_size"},
            "test_drops_created_by_two_at_once_counts_both",
        ),
        py("no lock", {" or not lock(fd, 0.2)": ""}, "test_a_locked_drops_file_is_not_waited_for"),
    ],
    # --- It exits 0 in silence, and touches only its own files
    "It exits 0 and prints nothing to stdout or stderr": [
        c(
            "1 without a folder",
            {'stat(".", &st) != 0)\n        return false;': 'stat(".", &st) != 0)\n        _exit(1);'},
            "test_a_missing_state_folder_stays_missing",
            "test_no_argument_at_all",
        ),
        c(
            "1 for a loss",
            {"        count(why);\n    }": "        count(why);\n        _exit(1);\n    }"},
            "test_a_full_disk_without_the_side_file_is_borne_in_silence",
        ),
        start(
            "1 for an error",
            {"finally:\n    posix._exit(0)": "except OSError:\n    posix._exit(1)\nfinally:\n    posix._exit(0)"},
            "test_a_missing_state_folder_stays_missing",
        ),
    ],
    "Files are 0600, folders 0700": [
        c(
            "mode 0644",
            {"umask(077);": "umask(022);", "O_APPEND | NEW_FILE, 0600": "O_APPEND | NEW_FILE, 0644"},
            "test_what_is_created_is_ours_alone",
        ),
        c(
            "the host's umask counts",
            {"host.mask = umask(077);": "host.mask = umask(0), umask(host.mask);"},
            "test_what_is_created_is_ours_alone",
        ),
        c("a group may write", {"(S_IWGRP | S_IWOTH)": "S_IWOTH"}, "test_a_folder_that_others_may_write_to_is_refused"),
        c(
            "anybody's folder",
            {"if (st.st_uid != geteuid() || (st.st_mode": "if ((st.st_mode"},
            "test_a_folder_that_is_not_ours_is_refused",
        ),
        c(
            "no file, no loss",
            {"if (current < 0)\n            return OPEN;": "if (current < 0)\n            return NONE;"},
            "test_a_read_only_folder",
        ),
        py(
            "mode 0644",
            {"posix.umask(0o077)": "posix.umask(0o022)", "posix.O_APPEND, 0o600": "posix.O_APPEND, 0o644"},
            "test_what_is_created_is_ours_alone",
        ),
        py("a group may write", {"& 0o022": "& 0o002"}, "test_a_folder_that_others_may_write_to_is_refused"),
    ],
    "Links, FIFOs and folders in place of its files": [
        c(
            "a FIFO will do",
            {" || !S_ISREG(st.st_mode)": ""},
            "test_a_journal_that_is_no_plain_file_in_a_plain_folder_is_refused",
        ),
        c(
            "a linked folder will do",
            {"O_DIRECTORY | O_NOFOLLOW |": "O_DIRECTORY |"},
            "test_a_journal_that_is_no_plain_file_in_a_plain_folder_is_refused",
            "test_no_file_is_opened_through_a_link_or_created_over_another",
        ),
        py(
            "a linked folder will do",
            {"O_DIRECTORY | posix.O_NOFOLLOW |": "O_DIRECTORY |"},
            "test_a_journal_that_is_no_plain_file_in_a_plain_folder_is_refused",
            "test_no_file_is_opened_through_a_link_or_created_over_another",
        ),
    ],
    "No path is taken from the payload": [
        c(
            "it looks for the folder",
            {
                "    enum reason why = read": "    const char *path = strchr(payload, '/');\n"
                "    read = read && (!path || access(path, F_OK) != 0);\n    enum reason why = read"
            },
            "test_no_path_comes_from_the_payload",
        ),
        py(
            "it looks for the folder",
            {"    posix.chdir(sys": '    posix.access(payload[payload.find(b"/nowhere/") :], 0)\n    posix.chdir(sys'},
            "test_no_path_comes_from_the_payload",
        ),
    ],
    "Of the relay in Python it is kept": [
        start(
            "nothing is kept",
            {'type(__loader__)("relay", RELAY).get_code("relay")': 'compile(open(RELAY, "rb").read(), RELAY, "exec")'},
            "test_what_python_keeps_of_the_interpreted_relay_is_no_condition",
        ),
        start(
            "what is damaged is run",
            {"except Exception:": "except ImportError:"},
            "test_what_python_keeps_of_the_interpreted_relay_is_no_condition",
        ),
    ],
    "It makes a known number of system calls": [
        c(
            "it waits for the disk",
            {
                "    close(current);  // the next": (
                    "    syscall(SYS_fsync, current, 0, 0);\n    close(current);  // the next"
                )
            },
            "test_system_calls_of_the_compiled_relay",
        ),
        py(
            "it imports json",
            {"import sys\n": "import json\nimport sys\n"},
            "test_the_interpreted_relay_imports_three_extension_modules",
        ),
    ],
    "gcc, clang and musl compile it": [
        c("a variable that nobody uses", {"    struct stat st, named;": "    struct stat st, named, other;"}, COMPILES),
        Mutant("libc.c", "no argument arrives", {"main((int)stack[0], argv)": "main(0, argv)"}, (COMPILES,)),
    ],
    # --- A status line stays what it was
    "The program that showed the line": [
        c(
            "the umask stays",
            {"    umask(host.mask);\n": ""},
            "test_the_line_of_before_has_the_same_of_all_and_gives_the_same",
        ),
        c(
            "the folder stays",
            {"if (fchdir(host.folder) != 0)": "if (host.folder < 0)"},
            "test_the_line_of_before_has_the_same_of_all_and_gives_the_same",
        ),
        c(
            "signals stay ignored",
            {"    signal(SIGPIPE, host.broken_pipe);\n": ""},
            "test_the_line_of_before_has_the_same_of_all_and_gives_the_same",
        ),
        c(
            "a program is called by its path alone",
            {"    execvp(program[0], program);": "    execve(program[0], program, environ);"},
            "test_the_line_of_before_is_found_as_a_shell_finds_it",
        ),
        c(
            "the program is a child",
            {"    execvp(program[0], program);": "    if (fork() == 0)\n        execvp(program[0], program);"},
            "test_the_line_of_before_has_the_same_of_all_and_gives_the_same",
            "test_the_line_of_before_ends_by_the_signal_that_a_newer_one_sends",
        ),
        c(
            "a program that can't be run is not told of",
            {"execv(direct[1], direct + 1);": "execv(direct[1], direct + 1), _exit(0);"},
            "test_a_line_that_is_a_program_is_run_with_a_second_shell_or_without",
        ),
        c(
            "bash does not tell what it runs",
            {"if (is_tacit(argv[3]))": "if (is_tacit(argv[3]) || true)"},
            "test_a_shell_that_tells_programs_of_itself_still_does",
        ),
        c(
            "what comes late is dropped",
            {"(written < size || !stdin_ended)": "(written < size)"},
            "test_a_status_line_s_stdin_that_stays_open_is_passed_on",
        ),
        py(
            "the umask stays",
            {"    posix.umask(MASK)\n": ""},
            "test_the_line_of_before_has_the_same_of_all_and_gives_the_same",
        ),
        py(
            "a program is called by its path alone",
            {'if "/" in PROGRAM[0] else': "if PROGRAM else"},
            "test_the_line_of_before_is_found_as_a_shell_finds_it",
        ),
    ],
    "A line that is any other command": [
        c(
            "it takes what a pipe has",
            {
                "if (S_ISFIFO(st.st_mode) && pipe": (
                    "if (S_ISFIFO(st.st_mode) && (n = read(STDIN_FILENO, payload, sizeof payload)) < 0 && pipe"
                )
            },
            LOOKED_AT,
        ),
        c("it takes what a socket has", {"MSG_PEEK | MSG_DONTWAIT": "MSG_DONTWAIT"}, LOOKED_AT),
        c("a host that can't write on is waited for", {"|| held >= HELD_MAX": ""}, LOOKED_AT),
        c(
            "an input that stays open is waited for",
            {"nanoseconds(CLOCK_MONOTONIC) - began < STDIN_WAIT": "began > 0"},
            "test_of_an_input_that_stays_open_what_came_is_recorded_and_all_is_left",
        ),
    ],
    "It is shown whatever": [
        c(
            "nothing is shown without a record",
            {"if (status_line && argc > 3)\n        become": "if (status_line && argc > 3 && fresh)\n        become"},
            "test_the_line_is_shown_whatever_becomes_of_the_record",
        ),
        py(
            "a fault of the folder ends it",
            {"except Exception:\n    pass": "except ZeroDivisionError:\n    pass"},
            "test_the_line_is_shown_whatever_becomes_of_the_record",
        ),
        py(
            "the relay itself moves to start the agent",
            {"if heard and posix.fork()": "if not heard and posix.fork()"},
            "test_the_line_is_shown_also_by_the_relay_that_starts_the_agent",
        ),
    ],
    "A record says that it is of a status line": [
        c(
            "it says event",
            {'kind\\":\\"status_line': 'kind\\":\\"event'},
            "test_what_a_status_line_is_told_is_a_record_of_its_own_kind",
        ),
        py(
            "it says nothing",
            {'if heard else ""\n    ids': 'if not heard else ""\n    ids'},
            "test_what_a_status_line_is_told_is_a_record_of_its_own_kind",
        ),
    ],
    "An input that says nothing new": [
        c(
            "the time that passed counts",
            {"if (s == digit && ": "if (digit == argless && ", "*digit = NULL;": "*digit = NULL, *argless = end + 1;"},
            "test_what_says_nothing_new_is_not_appended",
        ),
        c(
            "all is remembered",
            {"} else if (seen.file >= 0 && pwrite(": "}\n    if (seen.file >= 0 && pwrite("},
            "test_what_could_not_be_appended_is_tried_again",
        ),
        py(
            "the time that passed counts",
            {"PASSED.join([first, *(each.lstrip": "PASSED.join([first, *rest]) or ([*(each.lstrip"},
            "test_what_says_nothing_new_is_not_appended",
        ),
    ],
    "Without a line of before": [
        c(
            "any name will do",
            {'"0123456789abcdefABCDEF-")': '"0123456789abcdefABCDEF-./lins")'},
            "test_without_a_line_of_before_the_agent_s_line_is_printed",
        ),
        c(
            "nothing is waited for",
            {"print_line(fresh ? at : 0)": "print_line(fresh ? 0 : 0)"},
            "test_the_agent_s_line_is_waited_for_where_an_agent_makes_a_new_one",
        ),
        py(
            "any name will do",
            {' or SESSION.strip(b"0123456789abcdefABCDEF-")': ""},
            "test_without_a_line_of_before_the_agent_s_line_is_printed",
        ),
        py(
            "nothing is waited for",
            {"print_line(AT if fresh else 0)": "print_line(0)"},
            "test_the_agent_s_line_is_waited_for_where_an_agent_makes_a_new_one",
        ),
    ],
}
