// SPDX-License-Identifier: Apache-2.0
// Where tasks go and where they come from: placements, actions, and what a policy is shown.
#include "bench/lab/policy/simulation.hpp"

#include <algorithm>
#include <utility>

namespace rp::lab::sim {

// --- placing -------------------------------------------------------------------------------------

void simulation::place(task& t, rp_origin origin, int from) {
    t.is_queued = true;
    t.queued_at_run = begun_;
    // Generous: a policy may be unfair for long, not for ever.
    t.patience = 50'000 + 200 * static_cast<uint64_t>(limit_) * (8 + outstanding_);
    const rp_task shown = {t.id, t.priority, origin, t.cls, 0};
    note& n = take_note(from);
    n.is_place = true;
    n.task = shown;
    const rp_placement p = table_.place(self_, this, &shown, from);
    n.placement = p;
    answered(static_cast<uint64_t>(p.to.kind) << 48U ^ static_cast<uint64_t>(p.to.index) << 32U ^
             static_cast<uint64_t>(p.spot) << 60U ^ static_cast<uint64_t>(p.key));
    if (std::string problem = problem_of(p, from); !problem.empty()) {
        fail(1, std::move(problem));
        return;
    }
    bool is_read = false;
    for (int id = 0; id < maximum_ && !is_read; ++id) {
        is_read = reads(id, p.to);
    }
    is_read = is_read || (from >= maximum_ && p.to.kind == RP_QUEUE_CORE); // it moves to core 0
    if (!is_read) {
        fail(5,
             "place used " + words_for(p.to) +
                 ", and `reads` says of no core that it takes from it");
        return;
    }
    put(t, p, from);
    wake_for(t.where);
}

void simulation::put(task& t, const rp_placement& p, int from) {
    t.where = p.to;
    switch (p.to.kind) {
    case RP_QUEUE_SHARED:
        shared_[static_cast<size_t>(p.to.index)].push(&t, event_);
        return;
    case RP_QUEUE_CLASS:
        classes_[static_cast<size_t>(p.to.index)].push(&t, event_);
        return;
    case RP_QUEUE_SORTED:
        sorted_.push(&t, p.key, event_);
        return;
    case RP_QUEUE_ARRIVALS:
        if (has_overflow_ && chance(10)) { // the lane is full
            t.where = {RP_QUEUE_SHARED, t.priority};
            shared_[static_cast<size_t>(t.priority)].push(&t, event_);
            return;
        }
        arrivals_filled_ = arrivals_length() == 0 ? event_ : arrivals_filled_;
        lanes_[random_.below(lanes_.size())].push(&t, event_);
        return;
    default:
        break;
    }
    core& c = cores_[static_cast<size_t>(p.to.index)];
    if (p.to.index != from) {
        c.inbox.push(&t, event_);
        return;
    }
    if (p.spot == RP_SPOT_SLOT) {
        while (c.deque.size() != 0) {
            c.line.push(c.deque.take_oldest(), event_);
        }
    }
    (p.spot == RP_SPOT_LINE ? c.line : c.deque).push(&t, event_);
}

// --- actions -------------------------------------------------------------------------------------

/// One question to `next` and what it leads to.
void simulation::search(int id) {
    core& c = cores_[static_cast<size_t>(id)];
    c.step.turn = c.turn;
    note& n = take_note(id);
    n.step = c.step;
    const rp_action a = table_.next(self_, this, id, &c.step);
    n.action = a;
    answered(static_cast<uint64_t>(a.kind) << 56U ^ static_cast<uint64_t>(a.argument) << 16U ^
             static_cast<uint64_t>(a.amount) << 8U ^ static_cast<uint64_t>(a.parts));
    int rule = 0;
    if (std::string problem = problem_of(a, c.step, rule); !problem.empty()) {
        fail(rule, std::move(problem));
        return;
    }
    if (a.kind == RP_SPIN) {
        now_ += a.argument;
        c.step.tries = 0;
        ++c.step.spins;
    } else if (a.kind == RP_PARK) {
        if (std::string left = left_behind(id); !left.empty()) {
            fail(4, std::move(left));
        } else if (has_work_for(id)) { // the library looks again before a worker sleeps
            begin_search(id);
        } else {
            c.state = core::parked;
            active_.erase(std::find(active_.begin(), active_.end(), id));
        }
    } else if (perform(id, a)) {
        n.has_found = true;
    } else {
        ++c.step.tries;
    }
}

bool simulation::perform(int id, const rp_action& a) {
    core& c = cores_[static_cast<size_t>(id)];
    const bool is_missed = chance(miss_percent_);
    task* t = nullptr;
    const auto first_of = [&](auto& q) {
        return q.size() == 0 || is_missed ? nullptr : q.take_oldest();
    };
    switch (a.kind) {
    case RP_TAKE_NEWEST:
        c.seen.own |= RP_PART_DEQUE;
        t = c.deque.size() == 0 || is_missed ? nullptr : c.deque.take_newest();
        break;
    case RP_TAKE_OLDEST:
        c.seen.own |= RP_PART_DEQUE;
        t = first_of(c.deque);
        break;
    case RP_TAKE_LINE:
    case RP_TAKE_INBOX: {
        auto& from = a.kind == RP_TAKE_LINE ? c.line : c.inbox;
        c.seen.own |= a.kind == RP_TAKE_LINE ? RP_PART_LINE : RP_PART_INBOX;
        std::vector<task*> batch;
        while (!is_missed && from.size() != 0 &&
               batch.size() < static_cast<size_t>(std::max(a.argument, 1))) {
            batch.push_back(from.take_oldest());
        }
        t = take_batch(c, batch);
        break;
    }
    case RP_TAKE_ARRIVALS:
        c.seen.arrivals = true;
        t = is_missed ? nullptr : take_arrivals(c);
        break;
    case RP_TAKE_SHARED:
        c.seen.shared |= 1U << static_cast<unsigned>(a.argument);
        t = first_of(shared_[static_cast<size_t>(a.argument)]);
        break;
    case RP_TAKE_CLASS:
        c.seen.classes |= 1U << static_cast<unsigned>(a.argument);
        t = first_of(classes_[static_cast<size_t>(a.argument)]);
        break;
    case RP_TAKE_SORTED:
        c.seen.sorted = true;
        t = sorted_.size() == 0 || is_missed ? nullptr : sorted_.take_smallest();
        break;
    case RP_STEAL:
        t = steal(id, a);
        break;
    default: { // RP_POLL: a completion or a deadline, now and then
        if (!waiting_outside_.empty() && chance(10)) {
            task* due = waiting_outside_.back();
            waiting_outside_.pop_back();
            submit(*due, chance(50) ? RP_FROM_IO : RP_FROM_TIMER, id);
            ++c.turn;
            begin_search(id);
            return true;
        }
        return false;
    }
    }
    if (t == nullptr) {
        return false;
    }
    run_on(id, *t);
    return true;
}

/// The first of a batch; the rest goes to the own deque so that its newest end gives them out in
/// their order.
task* simulation::take_batch(core& own, std::vector<task*>& batch) {
    if (batch.empty()) {
        return nullptr;
    }
    const auto index = static_cast<int32_t>(&own - cores_.data());
    for (size_t i = batch.size() - 1; i > 0; --i) {
        batch[i]->where = {RP_QUEUE_CORE, index};
        own.deque.push(batch[i], event_);
    }
    return batch[0];
}

task* simulation::take_arrivals(core& own) {
    std::vector<task*> batch;
    const size_t start = random_.below(lanes_.size());
    for (size_t k = 0; k < lanes_.size(); ++k) {
        queue& lane = lanes_[(start + k) % lanes_.size()];
        while (lane.size() != 0 && batch.size() < 32) {
            batch.push_back(lane.take_oldest());
        }
    }
    return take_batch(own, batch);
}

task* simulation::steal(int id, const rp_action& a) {
    core& own = cores_[static_cast<size_t>(id)];
    core& victim = cores_[static_cast<size_t>(a.argument)];
    const int parts = a.parts == 0 ? RP_PART_ALL : a.parts;
    if (&victim == &own) {
        return nullptr;
    }
    own.seen.victims[static_cast<size_t>(a.argument)] |= (victim.filled_parts() & parts) != 0;
    // A lone item is often left to its owner.
    if (chance(miss_percent_) || (victim.length() == 1 && chance(50))) {
        return nullptr;
    }
    std::vector<task*> batch;
    const auto from = [&](int part, queue& q, size_t half) {
        const bool is_next = (parts & part) != 0 && (batch.empty() || a.amount == RP_STEAL_MOST);
        for (size_t wanted = a.amount == RP_STEAL_ONE ? 1 : half;
             is_next && wanted != 0 && q.size() != 0;
             --wanted) {
            batch.push_back(q.take_oldest());
        }
    };
    from(RP_PART_DEQUE, victim.deque, (victim.deque.size() + 1) / 2);
    from(RP_PART_LINE, victim.line, a.amount == RP_STEAL_MOST ? (victim.line.size() + 1) / 2 : 1);
    from(RP_PART_INBOX, victim.inbox, (victim.inbox.size() + 1) / 2);
    return take_batch(own, batch);
}

// --- what a policy is shown
// ------------------------------------------------------------------------

size_t simulation::arrivals_length() const {
    size_t sum = 0;
    for (const queue& lane : lanes_) {
        sum += lane.size();
    }
    return sum;
}

size_t simulation::length_of(rp_queue q) const {
    const auto index = static_cast<size_t>(q.index);
    switch (q.kind) {
    case RP_QUEUE_CORE:
        return cores_[index < cores_.size() ? index : 0].length();
    case RP_QUEUE_SHARED:
        return shared_[index < shared_.size() ? index : 1].size();
    case RP_QUEUE_SORTED:
        return sorted_.size();
    case RP_QUEUE_CLASS:
        return index < classes_.size() ? classes_[index].size() : 0;
    default:
        return arrivals_length();
    }
}

simulation& simulation::of(const rp_policy_context* c) {
    return *static_cast<simulation*>(const_cast<rp_policy_context*>(c));
}

const rp_policy_host simulation::host_ = {
    sizeof(rp_policy_host),
    [](const rp_policy_context* c) { return static_cast<int32_t>(of(c).maximum_); },
    [](const rp_policy_context* c) {
        return static_cast<uint32_t>(of(c).policy_random_.next() >> 32U);
    },
    [](const rp_policy_context* c) { return of(c).now_; },
    [](const rp_policy_context* c, rp_queue q) { return of(c).length_of(q); },
    [](const rp_policy_context* c, int32_t id) -> int32_t {
        const std::vector<core>& cores = of(c).cores_;
        const auto index = static_cast<size_t>(id);
        return cores[index < cores.size() ? index : 0].state != core::parked ? 1 : 0;
    },
    [](const rp_policy_context* c, int32_t id, uint32_t k) {
        // Pairs share a cache: the partner first, then the others in order.
        const int32_t cores = of(c).maximum_;
        const int32_t partner = (id ^ 1) < cores ? id ^ 1 : (id + 1) % cores;
        if (cores < 3 || k == 0) {
            return partner;
        }
        int32_t other = id;
        for (uint32_t left = (k - 1) % static_cast<uint32_t>(cores - 2) + 1; left != 0; --left) {
            do {
                other = (other + 1) % cores;
            } while (other == partner || other == id);
        }
        return other;
    },
    [](const rp_policy_context* c, int32_t id) {
        std::vector<core>& cores = of(c).cores_;
        const auto index = static_cast<size_t>(id);
        return cores[index < cores.size() ? index : 0].scratch.data();
    },
    [](const rp_policy_context* c, int32_t cls) {
        return of(c).statistics_[static_cast<size_t>(cls) % RP_CLASSES].mean_ns;
    },
    [](const rp_policy_context* c, int32_t cls) {
        return of(c).statistics_[static_cast<size_t>(cls) % RP_CLASSES].seen;
    },
    [](const rp_policy_context* c, int32_t cls) {
        return of(c).statistics_[static_cast<size_t>(cls) % RP_CLASSES].deadline_ns;
    },
};

} // namespace rp::lab::sim
