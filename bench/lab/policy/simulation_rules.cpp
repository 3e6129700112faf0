// SPDX-License-Identifier: Apache-2.0
// The contract of <ringpool/policy.h>, as it is looked after in a simulated pool.
#include "bench/lab/policy/simulation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rp::lab::sim {

namespace {

bool is_index(int32_t value, int32_t limit) {
    return value >= 0 && value < limit;
}

} // namespace

std::string words_for(rp_queue q) {
    switch (q.kind) {
    case RP_QUEUE_CORE:
        return fmt::format("the queue of core {}", q.index);
    case RP_QUEUE_SHARED:
        return fmt::format("the shared queue of priority {}", q.index);
    case RP_QUEUE_ARRIVALS:
        return "arrivals";
    case RP_QUEUE_SORTED:
        return "the sorted queue";
    case RP_QUEUE_CLASS:
        return fmt::format("the queue of class {}", q.index);
    default:
        return fmt::format("a queue of unknown kind {}", q.kind);
    }
}

std::string words_for(const rp_action& a) {
    static constexpr const char* names[] = {"RP_TAKE_NEWEST",
                                            "RP_TAKE_OLDEST",
                                            "RP_TAKE_LINE",
                                            "RP_TAKE_INBOX",
                                            "RP_TAKE_ARRIVALS",
                                            "RP_TAKE_SHARED",
                                            "RP_TAKE_SORTED",
                                            "RP_TAKE_CLASS",
                                            "RP_STEAL",
                                            "RP_POLL",
                                            "RP_SPIN",
                                            "RP_PARK"};
    if (!is_index(a.kind, RP_PARK + 1)) {
        return fmt::format("unknown action {}", a.kind);
    }
    if (a.kind == RP_STEAL) {
        return fmt::format("RP_STEAL from {} (amount {}, parts {})", a.argument, a.amount, a.parts);
    }
    const bool has_argument = a.kind == RP_TAKE_LINE || a.kind == RP_TAKE_INBOX ||
                              a.kind == RP_TAKE_SHARED || a.kind == RP_TAKE_CLASS ||
                              a.kind == RP_SPIN;
    return has_argument ? fmt::format("{} {}", names[a.kind], a.argument) : names[a.kind];
}

// --- P1, P2, P3
// -----------------------------------------------------------------------------------

std::string simulation::problem_of(const rp_placement& p, int from) const {
    bool exists = false;
    switch (p.to.kind) {
    case RP_QUEUE_CORE:
        exists = is_index(p.to.index, maximum_) || (p.to.index >= 0 && p.to.index == from);
        break;
    case RP_QUEUE_SHARED:
        exists = is_index(p.to.index, RP_PRIORITIES);
        break;
    case RP_QUEUE_CLASS:
        exists = is_index(p.to.index, RP_CLASSES);
        break;
    case RP_QUEUE_ARRIVALS:
        if (from != RP_NO_CORE) {
            return fmt::format("place put an item of core {} into arrivals", from);
        }
        exists = true;
        break;
    default:
        exists = p.to.kind == RP_QUEUE_SORTED;
        break;
    }
    if (!exists) {
        return fmt::format(
            "place named {}, which does not exist; cores() is {}", words_for(p.to), maximum_);
    }
    return is_index(p.spot, RP_SPOT_SLOT + 1)
               ? ""
               : fmt::format("place named the unknown spot {}", p.spot);
}

std::string simulation::problem_of(const rp_action& a, const rp_step& s, int& rule) const {
    rule = 2;
    if (!is_index(a.kind, RP_PARK + 1)) {
        return fmt::format("next named {}", words_for(a));
    }
    bool is_in_range = true;
    if (a.kind == RP_TAKE_LINE) {
        is_in_range = is_index(a.argument, 33);
    } else if (a.kind == RP_TAKE_INBOX) {
        is_in_range = is_index(a.argument - 1, 32);
    } else if (a.kind == RP_TAKE_SHARED) {
        is_in_range = is_index(a.argument, RP_PRIORITIES);
    } else if (a.kind == RP_TAKE_CLASS) {
        is_in_range = is_index(a.argument, RP_CLASSES);
    } else if (a.kind == RP_SPIN) {
        is_in_range = is_index(a.argument, 20'001);
    } else if (a.kind == RP_STEAL) {
        is_in_range = is_index(a.argument, maximum_) && is_index(a.amount, RP_STEAL_MOST + 1) &&
                      is_index(a.parts, RP_PART_ALL + 1);
    }
    if (!is_in_range) {
        return fmt::format("next said {}, out of its range; cores() is {}", words_for(a), maximum_);
    }
    rule = 3;
    const auto most = 64 + 8 * static_cast<uint32_t>(maximum_);
    // A search that began with more cores may take as many tries as those allowed.
    const auto allowed = 64 + 8 * static_cast<uint32_t>(changes_maximum_ ? limit_ : maximum_);
    if (a.kind != RP_SPIN && a.kind != RP_PARK && s.tries >= allowed) {
        return fmt::format("next said {} after {} tries in vain; at most {} are allowed",
                           words_for(a),
                           s.tries,
                           most);
    }
    return a.kind == RP_SPIN && s.spins >= 4096 ? "next spins after 4096 spins and has not parked"
                                                : "";
}

// --- P4
// -------------------------------------------------------------------------------------------

bool simulation::reads(int id, rp_queue q) {
    if (table_.reads == nullptr) {
        return q.kind != RP_QUEUE_CORE || q.index == id || (table_.flags & RP_POLICY_STEALS) != 0;
    }
    const bool answer = table_.reads(self_, this, id, q) != 0;
    answered(answer ? 1 : 0);
    return answer;
}

/// What was there for the whole search and was never tried. A queue that was filled meanwhile is
/// the library's business: it looks again before the worker sleeps.
std::string simulation::left_behind(int id) {
    core& c = cores_[static_cast<size_t>(id)];
    if (c.has_maximum_changed) {
        return ""; // a sweep of the cores may have missed one
    }
    const auto told = [&](rp_queue q, const char* part, uint64_t filled) {
        return fmt::format("core {} parked after {} tries and {} spins; {}{} has had items since "
                           "event {} and was not tried since event {}",
                           id,
                           c.step.tries,
                           c.step.spins,
                           words_for(q),
                           part,
                           filled,
                           c.search_began);
    };
    const auto is_left = [&](const auto& queue, bool was_tried, rp_queue name) {
        return !was_tried && queue.has_had(c.search_began) && reads(id, name);
    };
    for (int32_t i = 0; i < RP_PRIORITIES; ++i) {
        const queue& q = shared_[static_cast<size_t>(i)];
        if (is_left(q, (c.seen.shared >> i & 1U) != 0, {RP_QUEUE_SHARED, i})) {
            return told({RP_QUEUE_SHARED, i}, "", q.filled());
        }
    }
    for (int32_t i = 0; i < RP_CLASSES; ++i) {
        const queue& q = classes_[static_cast<size_t>(i)];
        if (is_left(q, (c.seen.classes >> i & 1U) != 0, {RP_QUEUE_CLASS, i})) {
            return told({RP_QUEUE_CLASS, i}, "", q.filled());
        }
    }
    if (is_left(sorted_, c.seen.sorted, {RP_QUEUE_SORTED, 0})) {
        return told({RP_QUEUE_SORTED, 0}, "", sorted_.filled());
    }
    if (!c.seen.arrivals && arrivals_length() != 0 && arrivals_filled_ < c.search_began &&
        reads(id, {RP_QUEUE_ARRIVALS, 0})) {
        return told({RP_QUEUE_ARRIVALS, 0}, "", arrivals_filled_);
    }
    for (int32_t i = 0; i < maximum_; ++i) {
        const core& other = cores_[static_cast<size_t>(i)];
        const std::pair<const queue*, const char*> parts[] = {
            {&other.deque, " (deque)"}, {&other.line, " (line)"}, {&other.inbox, " (inbox)"}};
        for (unsigned part = 0; part < std::size(parts); ++part) {
            const bool was_tried =
                i == id ? (c.seen.own >> part & 1U) != 0 : c.seen.victims[static_cast<size_t>(i)];
            if (is_left(*parts[part].first, was_tried, {RP_QUEUE_CORE, i})) {
                return told({RP_QUEUE_CORE, i}, parts[part].second, parts[part].first->filled());
            }
        }
    }
    return "";
}

bool simulation::has_work_for(int id) {
    const auto has = [&](rp_queue q) { return length_of(q) != 0 && reads(id, q); };
    bool answer = has({RP_QUEUE_SORTED, 0}) || has({RP_QUEUE_ARRIVALS, 0});
    for (int32_t i = 0; i < RP_PRIORITIES && !answer; ++i) {
        answer = has({RP_QUEUE_SHARED, i});
    }
    for (int32_t i = 0; i < RP_CLASSES && !answer; ++i) {
        answer = has({RP_QUEUE_CLASS, i});
    }
    for (int32_t i = 0; i < maximum_ && !answer; ++i) {
        answer = has({RP_QUEUE_CORE, i});
    }
    return answer;
}

// --- P5
// -------------------------------------------------------------------------------------------

void simulation::watch_starvation() {
    for (const task& t : tasks_) {
        if (broken_.rule == 0 && t.is_queued && t.must_not_starve() &&
            begun_ - t.queued_at_run > t.patience) {
            fail(5,
                 fmt::format("item {} waits in {} while {} others have run",
                             t.id,
                             words_for(t.where),
                             begun_ - t.queued_at_run));
        }
    }
}

void simulation::check_end() {
    for (const task& t : tasks_) {
        if (t.is_queued) {
            fail(5,
                 fmt::format(
                     "every core is parked, and item {} waits in {}", t.id, words_for(t.where)));
            return;
        }
        if (t.ran != t.submitted) {
            fail(5,
                 fmt::format("item {} ran {} times, submitted {} times", t.id, t.ran, t.submitted));
            return;
        }
    }
}

// --- reports
// --------------------------------------------------------------------------------------

void simulation::fail(int rule, std::string what) {
    if (broken_.rule == 0) {
        broken_ = {rule, std::move(what), event_};
    }
}

void simulation::answered(uint64_t value) {
    answers_.push_back(value);
    answer_events_.push_back(event_);
}

simulation::note& simulation::take_note(int core) {
    note& n = notes_[noted_++ % notes_kept];
    n = {};
    n.event = event_;
    n.core = core;
    return n;
}

std::vector<std::string> simulation::last_events() const {
    static constexpr const char* origins[] = {"outside", "a callback", "itself", "I/O", "a timer"};
    std::vector<std::string> lines;
    for (uint64_t i = noted_ > notes_kept ? noted_ - notes_kept : 0; i < noted_; ++i) {
        const note& n = notes_[i % notes_kept];
        if (n.is_place) {
            lines.push_back(
                fmt::format("event {}: place(item {} of priority {} and class {} from {}, "
                            "{}) = {}, spot {}",
                            n.event,
                            n.task.id,
                            n.task.priority,
                            n.task.cls,
                            origins[n.task.origin],
                            n.core < 0 ? "no core" : fmt::format("core {}", n.core),
                            words_for(n.placement.to),
                            n.placement.spot));
        } else {
            lines.push_back(
                fmt::format("event {}: next(core {}, tries {}, spins {}, turn {}) = {}{}",
                            n.event,
                            n.core,
                            n.step.tries,
                            n.step.spins,
                            n.step.turn,
                            words_for(n.action),
                            n.has_found ? ", which found an item" : ""));
        }
    }
    return lines;
}

} // namespace rp::lab::sim
