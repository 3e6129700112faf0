// SPDX-License-Identifier: Apache-2.0
// From a list of events to the text of a trace.
//
// Every line of the file belongs to one event of the list, and lines are put in the order of their
// events, so times never go back. What becomes known later (that a wait ended, who was woken) is
// put beside the event it began with.
#include "scheduler/sight/trace.hpp"

#include "scheduler/controller.hpp"
#include "scheduler/engine.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <unordered_map>
#include <utility>

namespace rp::sched::sight {

namespace {

using kernel::switch_records;

/// Core tracks form a process of their own for each pool, beside the real one.
constexpr uint64_t first_pool_process = 10'000'000;

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += ' ';
        } else {
            out += c;
        }
    }
    return out;
}

std::string number(uint64_t n) {
    return std::to_string(n);
}

std::string hex(uint64_t n) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(n));
    return text;
}

struct track {
    uint64_t process = 0;
    uint64_t thread = 0;

    bool operator<(const track& o) const {
        return std::pair(process, thread) < std::pair(o.process, o.thread);
    }
};

class trace_builder {
public:
    trace_builder(const events::snapshot& recorded, const trace_context& with)
        : list_(recorded.all), lost_(recorded.lost), with_(with), calls_(calls_of(list_)) {
        begin_ns_ = list_.empty() ? 0 : with_.to_ns(list_.front().ticks);
    }

    std::string build() {
        for (size_t i = 0; i < calls_.size(); ++i) {
            call_at_.emplace(calls_[i].begins, i);
        }
        for (size_t i = 0; i < list_.size(); ++i) {
            now_ = i;
            look_at(list_[i]);
        }
        close_everything();
        std::stable_sort(
            lines_.begin(), lines_.end(), [](const line& a, const line& b) { return a.at < b.at; });
        return text();
    }

private:
    enum class slice : uint8_t { callback, parked, searching, blocked, held };

    struct line {
        size_t at;
        std::string text;
    };

    struct wake {
        size_t at;
        track from;
    };

    // --- lines -------------------------------------------------------------------------------

    [[nodiscard]] std::string time_of(size_t at) const {
        const int64_t ns = with_.to_ns(list_[at].ticks) - begin_ns_;
        char buffer[48];
        std::snprintf(buffer,
                      sizeof buffer,
                      "%lld.%03d",
                      static_cast<long long>(ns / 1000),
                      static_cast<int>(ns % 1000));
        return buffer;
    }

    /// One event of the file; `rest` begins with a comma or is empty.
    void put(size_t at, const char* phase, const track& on, const std::string& rest) {
        lines_.push_back({at,
                          std::string("{\"ph\":\"") + phase + "\",\"ts\":" + time_of(at) +
                              ",\"pid\":" + number(on.process) + ",\"tid\":" + number(on.thread) +
                              rest + "}"});
    }

    static std::string named(const std::string& name, const char* category) {
        return ",\"name\":\"" + escaped(name) + "\",\"cat\":\"" + category + "\"";
    }

    void open(const track& on, slice what, const std::string& name, const std::string& args) {
        stacks_[on].push_back(what);
        put(now_, "B", on, named(name, "pool") + (args.empty() ? "" : ",\"args\":{" + args + "}"));
    }

    /// Closes the innermost slice of that sort, and whatever is still open inside it.
    void close(const track& on, slice what) {
        std::vector<slice>& stack = stacks_[on];
        if (std::find(stack.begin(), stack.end(), what) == stack.end()) {
            return; // it began before recording did
        }
        while (true) {
            const slice top = stack.back();
            stack.pop_back();
            put(now_, "E", on, "");
            if (top == what) {
                return;
            }
        }
    }

    void close_everything() {
        if (list_.empty()) {
            return;
        }
        now_ = list_.size() - 1;
        for (auto& [on, stack] : stacks_) {
            for (; !stack.empty(); stack.pop_back()) {
                put(now_, "E", on, "");
            }
        }
    }

    /// A slice without length, with one end of a flow in it.
    void point(size_t at, const track& on, const std::string& name, const char* end, uint64_t id) {
        put(at, "B", on, named(name, "pool"));
        put(at, end, on, named("flow", "flow") + ",\"id\":" + number(id) + bound_to(end));
        put(at, "E", on, "");
    }

    static const char* bound_to(const char* end) { return *end == 'f' ? ",\"bp\":\"e\"" : ""; }

    void count(uint16_t pool, const char* name, const char* unit, uint64_t value) {
        put(now_,
            "C",
            {pool_process(pool), 0},
            named(name, "pool") + ",\"args\":{\"" + unit + "\":" + number(value) + "}");
    }

    uint64_t pool_process(uint16_t pool) {
        pools_.try_emplace(pool);
        return first_pool_process + pool;
    }

    track thread_track(uint32_t thread) {
        threads_.try_emplace(thread, 0);
        return {with_.process, thread};
    }

    track core_track(uint16_t pool, int32_t core) {
        const track on{pool_process(pool), static_cast<uint64_t>(core)};
        cores_.try_emplace(on, core);
        return on;
    }

    // --- events ------------------------------------------------------------------------------

    void look_at(const event& e) {
        const track here = thread_track(e.thread);
        switch (e.kind) {
        case event_kind::placed:
        case event_kind::taken:
            queue_changed(e);
            break;
        case event_kind::callback_begins:
            callback_begins(e, here);
            break;
        case event_kind::callback_ends:
            close(here, slice::callback);
            break;
        case event_kind::thread_starts:
        case event_kind::thread_exits:
        case event_kind::threads_now:
            threads_changed(e);
            break;
        case event_kind::stole:
            stole(e, here);
            break;
        case event_kind::reaped:
            count(e.pool, "completions in a row", "completions", e.object);
            break;
        case event_kind::core_taken:
        case event_kind::core_held:
            core_taken(e);
            break;
        case event_kind::core_given_up:
        case event_kind::core_revoked:
            close(core_track(e.pool, e.core), slice::held);
            break;
        case event_kind::minimum_set:
        case event_kind::maximum_set:
        case event_kind::limits_are:
            count(e.pool, "minimum", "threads", e.object);
            count(e.pool, "maximum", "threads", e.detail);
            break;
        case event_kind::decision:
            count(e.pool, "tokens", "threads", e.object);
            put(now_,
                "i",
                here,
                named("controller", "pool") +
                    ",\"s\":\"p\",\"args\":{\"tokens\":" + number(e.object) + ",\"reason\":\"" +
                    reason_name(static_cast<reason>(e.detail)) + "\"}");
            break;
        default:
            look_at_worker(e, here);
            break;
        }
    }

    void look_at_worker(const event& e, const track& here) {
        switch (e.kind) {
        case event_kind::parks:
            mark_worker(e);
            open(here, slice::parked, "parked", "");
            break;
        case event_kind::unparks:
            close(here, slice::parked);
            woken(e, here);
            break;
        case event_kind::wakes:
            wakes_[static_cast<uint32_t>(e.object)] = {now_, here};
            break;
        case event_kind::search_begins:
            close(here, slice::parked);
            open(here, slice::searching, "searching", "");
            break;
        case event_kind::search_ends:
            close(here, slice::searching);
            break;
        case event_kind::blocking_begins:
            open(here, slice::blocked, "blocked", "");
            break;
        case event_kind::blocking_ends:
            close(here, slice::blocked);
            break;
        default: // of interest to the anatomy only
            break;
        }
    }

    void mark_worker(const event& e) { threads_[e.thread] = e.pool; }

    void queue_changed(const event& e) {
        uint64_t& items = queued_[e.pool];
        if (e.kind == event_kind::placed) {
            ++items;
        } else {
            items -= items != 0 ? 1 : 0;
        }
        count(e.pool, "queue length", "items", items);
    }

    void threads_changed(const event& e) {
        uint64_t& exist = exist_[e.pool];
        if (e.kind == event_kind::threads_now) {
            exist = e.object;
        } else {
            mark_worker(e);
            exist = e.kind == event_kind::thread_starts ? exist + 1 : exist - (exist != 0 ? 1 : 0);
        }
        count(e.pool, "threads", "threads", exist);
    }

    void callback_begins(const event& e, const track& here) {
        mark_worker(e);
        constexpr uint64_t mask = (uint64_t{1} << events::function_bits) - 1;
        const std::string& name = name_of(e.detail & mask);
        const size_t number_of_call = call_at_.at(now_);
        const call& c = calls_[number_of_call];
        if (c.submitted != no_event) {
            const std::string rest =
                named("waits: " + name, "queue") + ",\"id\":" + number(number_of_call + 1);
            put(c.submitted, "b", thread_track(list_[c.submitted].thread), rest);
            put(now_, "e", here, rest);
        }
        open(here,
             slice::callback,
             name,
             std::string("\"kind\":\"") +
                 object_kind_name(static_cast<uint8_t>(e.detail >> events::function_bits)) +
                 "\",\"object\":\"" + hex(e.object) + "\",\"core\":" + std::to_string(e.core) +
                 switches_of(c));
    }

    static std::string switches_of(const call& c) {
        if (c.switches == switch_records::extent::unknown) {
            return "";
        }
        return ",\"preempted_ns\":" + number(c.preempted_ns) +
               ",\"slept_ns\":" + number(c.slept_ns) +
               (c.switches == switch_records::extent::at_least ? ",\"switches\":\"at least\"" : "");
    }

    void stole(const event& e, const track& here) {
        const auto victim = static_cast<int32_t>(e.detail);
        const uint64_t id = ++flows_;
        point(now_,
              core_track(e.pool, victim),
              "loses " + number(e.object) + " to core " + std::to_string(e.core),
              "s",
              id);
        point(now_, here, "steals from core " + std::to_string(victim), "f", id);
    }

    void core_taken(const event& e) {
        const track on = core_track(e.pool, e.core);
        close(on, slice::held);
        const uint64_t holder = e.kind == event_kind::core_held ? e.object : e.thread;
        open(on, slice::held, "worker " + number(holder), "");
    }

    void woken(const event& e, const track& here) {
        const auto sent = wakes_.find(e.thread);
        if (sent == wakes_.end()) {
            return;
        }
        const uint64_t id = ++flows_;
        point(sent->second.at, sent->second.from, "wakes worker " + number(e.thread), "s", id);
        point(now_, here, "woken", "f", id);
        wakes_.erase(sent);
    }

    const std::string& name_of(uint64_t function) {
        const auto [at, is_new] = names_.try_emplace(function);
        if (is_new) {
            at->second = with_.name_of_function(function);
        }
        return at->second;
    }

    // --- the file ----------------------------------------------------------------------------

    [[nodiscard]] std::string label(const char* what, const track& on, const std::string& n) const {
        return std::string("{\"ph\":\"M\",\"pid\":") + number(on.process) +
               ",\"tid\":" + number(on.thread) + ",\"name\":\"" + what +
               "\",\"args\":{\"name\":\"" + escaped(n) + "\"}}";
    }

    [[nodiscard]] std::vector<std::string> labels() const {
        std::vector<std::string> all;
        all.push_back(label("process_name", {with_.process, 0}, "threads"));
        for (const auto& [thread, pool] : threads_) {
            const std::string name = pool != 0
                                         ? "worker " + number(thread) + " of pool " + number(pool)
                                         : "thread " + number(thread);
            all.push_back(label("thread_name", {with_.process, thread}, name));
        }
        for (const auto& [pool, unused] : pools_) {
            all.push_back(label(
                "process_name", {first_pool_process + pool, 0}, "cores of pool " + number(pool)));
        }
        for (const auto& [on, core] : cores_) {
            all.push_back(label("thread_name", on, "core " + std::to_string(core)));
        }
        return all;
    }

    [[nodiscard]] int64_t duration_ns(uint64_t ticks) const {
        return list_.empty() ? 0 : with_.to_ns(list_.front().ticks + ticks) - begin_ns_;
    }

    std::string row(const char* name, std::vector<int64_t> values) const {
        const distribution d = distribution_of(std::move(values));
        return std::string("\"") + name + "\":{\"count\":" + number(d.count) +
               ",\"p50_ns\":" + std::to_string(d.p50_ns) +
               ",\"p90_ns\":" + std::to_string(d.p90_ns) +
               ",\"p99_ns\":" + std::to_string(d.p99_ns) +
               ",\"max_ns\":" + std::to_string(d.max_ns) + "}";
    }

    [[nodiscard]] std::string anatomy() const {
        std::vector<int64_t> wait;
        std::vector<int64_t> wake_up;
        std::vector<int64_t> run;
        std::vector<int64_t> blocked;
        std::vector<int64_t> preempted;
        std::vector<int64_t> slept;
        for (const call& c : calls_) {
            if (c.submitted != no_event) {
                wait.push_back(duration_ns(c.wait));
            }
            if (c.was_woken_for) {
                wake_up.push_back(duration_ns(c.wake_up));
            }
            if (c.ends != no_event) {
                run.push_back(duration_ns(c.run));
            }
            if (c.blocked != 0) {
                blocked.push_back(duration_ns(c.blocked));
            }
            if (c.preempted_ns != 0) {
                preempted.push_back(static_cast<int64_t>(c.preempted_ns));
            }
            if (c.slept_ns != 0) {
                slept.push_back(static_cast<int64_t>(c.slept_ns));
            }
        }
        return "\"anatomy\":{" + row("queue_wait", std::move(wait)) + "," +
               row("wake_up", std::move(wake_up)) + "," + row("run", std::move(run)) + "," +
               row("blocked", std::move(blocked)) + "," + row("slept", std::move(slept)) + "," +
               row("preempted", std::move(preempted)) + "}";
    }

    /// Of how many ended calls `slept` and `preempted` are known.
    [[nodiscard]] std::string switches() const {
        uint64_t count[3] = {};
        for (const call& c : calls_) {
            if (c.ends != no_event) {
                ++count[static_cast<size_t>(c.switches)];
            }
        }
        return "\"switches\":{\"unknown\":" + number(count[0]) + ",\"whole\":" + number(count[1]) +
               ",\"at_least\":" + number(count[2]) + ",\"why_unknown\":\"" +
               escaped(count[0] != 0 ? with_.no_switches : "") + "\"}";
    }

    [[nodiscard]] std::string idleness() const {
        std::string all = "\"cores\":[";
        const char* comma = "";
        for (const core_idleness& c : idleness_of(list_)) {
            all += comma;
            all += "{\"pool\":" + number(c.pool) + ",\"core\":" + std::to_string(c.core) +
                   ",\"seen_ns\":" + std::to_string(duration_ns(c.seen)) +
                   ",\"idle_ns\":" + std::to_string(duration_ns(c.idle)) +
                   ",\"idle_while_work_waited_ns\":" + std::to_string(duration_ns(c.wasteful)) +
                   "}";
            comma = ",";
        }
        return all + "]";
    }

    [[nodiscard]] std::string text() const {
        std::string all = "{\"traceEvents\":[\n";
        const char* comma = "";
        for (const std::string& one : labels()) {
            all += comma + one;
            comma = ",\n";
        }
        for (const line& one : lines_) {
            all += comma + one.text;
            comma = ",\n";
        }
        all += "\n],\n\"displayTimeUnit\":\"ns\",\n\"otherData\":{\"clock\":\"";
        all += std::string(with_.clock) + "\",\"events\":" + number(list_.size()) +
               ",\"events_lost\":" + number(lost_) + ",\"reason\":\"" + escaped(with_.reason) +
               "\",\n" + anatomy() + ",\n" + switches() + ",\n" + idleness() + "}}\n";
        return all;
    }

    const std::vector<event>& list_;
    const uint64_t lost_;
    const trace_context& with_;
    const std::vector<call> calls_;
    int64_t begin_ns_ = 0;
    size_t now_ = 0;
    uint64_t flows_ = 0;
    std::vector<line> lines_;
    std::unordered_map<size_t, size_t> call_at_; // begin -> index of the call
    std::map<track, std::vector<slice>> stacks_;
    std::map<uint32_t, uint16_t> threads_; // -> pool, for workers
    std::map<uint16_t, int> pools_;
    std::map<track, int32_t> cores_;
    std::unordered_map<uint32_t, wake> wakes_; // of a worker that has not run yet
    std::unordered_map<uint16_t, uint64_t> queued_;
    std::unordered_map<uint16_t, uint64_t> exist_;
    std::unordered_map<uint64_t, std::string> names_;
};

} // namespace

std::string trace_json(const events::snapshot& recorded, const trace_context& with) {
    return trace_builder(recorded, with).build();
}

} // namespace rp::sched::sight
