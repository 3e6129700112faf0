// SPDX-License-Identifier: Apache-2.0
#include "scheduler/sight/flight.hpp"

#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "scheduler/sight/trace.hpp"

#include <charconv>
#include <climits>
#include <cstdio>
#include <mutex>
#include <new>

namespace rp::sched::flight {

constinit std::atomic<uint64_t> threshold_ticks{0};
constinit std::atomic<uint64_t> began_ticks{0};

namespace {

constexpr uint32_t files_max = 8;

/// What the writer reports; written by the one crossing that moved the word from idle.
struct crossing {
    flight::crossed what = crossed::wait;
    uint64_t object = 0;
    uint64_t ticks = 0;
    uint64_t at = 0;
};

// Word: idle -> claimed (by a crossing, which fills in `last`) -> idle (when the file is written).
constexpr uint32_t idle = 0;
constexpr uint32_t claimed = 1;
constinit std::atomic<uint32_t> word{idle};
constinit std::atomic<uint32_t> written{0};
constinit std::atomic<uint64_t> crossed_count{0};
crossing last;      // of whoever has claimed the word
std::mutex control; // starting and stopping

/// Guard: control while off; constant while on. Made on first use, which may be before the
/// initialisers of this file have run, and never destroyed, since exit handlers come here.
settings& the_wanted() {
    static auto* const s = new settings;
    return *s;
}

const char* name_of(crossed what) noexcept {
    return what == crossed::wait ? "waited in a queue" : "ran";
}

void write_file() noexcept {
    // mo: relaxed, only the thread that has claimed the word changes it.
    const uint32_t number = written.load(std::memory_order_relaxed) + 1;
    try {
        const settings& s = the_wanted();
        std::string path = s.file;
        if (number > 1) {
            path += "." + std::to_string(number);
        }
        sight::trace_request request;
        request.path = path;
        const uint64_t kept = kernel::tick_clock::duration_ticks(s.keep_ns) + last.ticks;
        request.since_ticks = last.at > kept ? last.at - kept : 0;
        char line[160];
        std::snprintf(line,
                      sizeof line,
                      "object 0x%llx %s for %.3f ms",
                      static_cast<unsigned long long>(last.object),
                      name_of(last.what),
                      static_cast<double>(kernel::tick_clock::to_ns(last.at) -
                                          kernel::tick_clock::to_ns(last.at - last.ticks)) *
                          1e-6);
        request.reason = line;
        std::string problem;
        if (sight::write_trace(request, problem)) {
            std::fprintf(stderr, "ringpool: flight recorder: %s: %s\n", line, path.c_str());
        } else {
            std::fprintf(stderr, "ringpool: flight recorder: %s\n", problem.c_str());
        }
    } catch (const std::bad_alloc&) {
        std::fprintf(stderr, "ringpool: flight recorder: out of memory\n");
    }
    // mo: relaxed, as above.
    written.store(number, std::memory_order_relaxed);
}

void write_and_release(void* /*unused*/) noexcept {
    write_file();
    // mo: release, pairs flight.word (cross, stop): the file is written.
    word.store(idle, std::memory_order_release);
    (void)kernel::futex_wake(word, INT_MAX);
}

/// "5ms", "250us", "1s", "900ns".
bool parse_duration(std::string_view text, int64_t& out) noexcept {
    uint64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(rest, static_cast<size_t>(text.data() + text.size() - rest));
    const int64_t scale = unit == "ns"   ? 1
                          : unit == "us" ? 1'000
                          : unit == "ms" ? 1'000'000
                          : unit == "s"  ? 1'000'000'000
                                         : 0;
    if (error != std::errc{} || scale == 0 || number == 0 || number > 1'000'000'000) {
        return false;
    }
    out = static_cast<int64_t>(number) * scale;
    return out <= 3'600'000'000'000;
}

} // namespace

bool parse(std::string_view text, settings& out, std::string& problem) {
    constexpr const char* form = "; the form is threshold=5ms,file=PATH[,keep=50ms]";
    settings s;
    while (!text.empty()) {
        const size_t comma = text.find(',');
        const std::string_view pair = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
        const size_t equals = pair.find('=');
        const std::string_view key = pair.substr(0, equals);
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
        if (key == "file" && !value.empty()) {
            s.file = value;
        } else if (key == "threshold" || key == "keep") {
            if (!parse_duration(value, key == "keep" ? s.keep_ns : s.threshold_ns)) {
                problem = std::string(key) + "=" + std::string(value) +
                          ": write a whole number above 0 with ns, us, ms or s, at most 1 hour" +
                          form;
                return false;
            }
        } else {
            problem = "'" + std::string(pair) + "' is no setting" + form;
            return false;
        }
    }
    if (s.threshold_ns == 0 || s.file.empty()) {
        problem = std::string(s.file.empty() ? "file" : "threshold") + " is missing" + form;
        return false;
    }
    out = std::move(s);
    return true;
}

start_result start(const settings& wanted, uint32_t ring_records) noexcept {
    const std::scoped_lock guard(control);
    // mo: relaxed, guard: control.
    if (threshold_ticks.load(std::memory_order_relaxed) != 0) {
        return start_result::already_on;
    }
    try {
        the_wanted() = wanted;
    } catch (const std::bad_alloc&) {
        return start_result::out_of_memory;
    }
    (void)events::begin(events::reason::flight, ring_records);
    // mo: relaxed (all below), settings; the release of the threshold orders them.
    written.store(0, std::memory_order_relaxed);
    crossed_count.store(0, std::memory_order_relaxed);
    began_ticks.store(kernel::tick_clock::now(), std::memory_order_relaxed);
    const uint64_t ticks = kernel::tick_clock::duration_ticks(wanted.threshold_ns);
    // mo: release, pairs flight.threshold (cross): what is wanted.
    threshold_ticks.store(ticks != 0 ? ticks : 1, std::memory_order_release);
    return start_result::started;
}

bool stop() noexcept {
    const std::scoped_lock guard(control);
    // mo: relaxed, guard: control.
    if (threshold_ticks.load(std::memory_order_relaxed) == 0) {
        return false;
    }
    // mo: seq_cst, pairs flight.word (cross): whoever crosses afterwards sees it, or is seen below.
    threshold_ticks.store(0, std::memory_order_seq_cst);
    // mo: seq_cst, pairs flight.word (cross).
    for (uint32_t w = word.load(std::memory_order_seq_cst); w != idle;
         // mo: seq_cst, as above, pairs flight.word (cross).
         w = word.load(std::memory_order_seq_cst)) {
        (void)kernel::futex_wait(word, w, kernel::no_deadline);
    }
    events::end(events::reason::flight);
    return true;
}

uint32_t files_written() noexcept {
    // mo: relaxed, a figure.
    return written.load(std::memory_order_relaxed);
}

uint64_t crossings() noexcept {
    // mo: relaxed, a figure.
    return crossed_count.load(std::memory_order_relaxed);
}

void cross(crossed what, const void* object, uint64_t ticks) noexcept {
    // mo: relaxed, statistics.
    crossed_count.fetch_add(1, std::memory_order_relaxed);
    uint32_t expected = idle;
    // mo: relaxed, a limit.
    if (written.load(std::memory_order_relaxed) >= files_max ||
        // mo: seq_cst, pairs flight.word (write_and_release, stop).
        !word.compare_exchange_strong(
            expected, claimed, std::memory_order_seq_cst, std::memory_order_relaxed)) {
        return;
    }
    // mo: seq_cst, pairs flight.threshold (start), and flight.word (stop): 0: it does not wait for
    // this one.
    if (threshold_ticks.load(std::memory_order_seq_cst) == 0) {
        // mo: release, pairs flight.word (cross, stop).
        word.store(idle, std::memory_order_release);
        (void)kernel::futex_wake(word, INT_MAX);
        return;
    }
    last = {what, reinterpret_cast<uint64_t>(object), ticks, kernel::tick_clock::now()};
    kernel::thread_options options;
    options.name = "tp:flight";
    if (kernel::start_thread(options, &write_and_release, nullptr) != 0) {
        write_and_release(nullptr);
    }
}

} // namespace rp::sched::flight
