// SPDX-License-Identifier: Apache-2.0
// The course of a schedule: who takes a step, what callbacks do. simulation_queues.cpp has the
// actions, simulation_rules.cpp the rules.
#include "bench/lab/policy/simulation.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rp::lab::sim {

simulation::simulation(const rp_policy& table, uint64_t seed)
    : rp_policy_context{&host_}, table_(table), random_(seed),
      policy_random_(derive_seed(seed, "policy", 0)) {
    self_ = table.create != nullptr ? table.create() : nullptr;
    if (table.create != nullptr && self_ == nullptr) {
        fail(6, "create returned NULL, and did not before");
    }
    choose_shape();
    make_tasks();
}

simulation::~simulation() {
    if (table_.destroy != nullptr && (table_.create == nullptr || self_ != nullptr)) {
        table_.destroy(self_);
    }
}

void simulation::choose_shape() {
    constexpr int usual[] = {1, 2, 3, 4, 8, 16, 32, 64};
    limit_ = chance(75) ? usual[random_.below(chance(75) ? 4 : std::size(usual))]
                        : static_cast<int>(1 + random_.below(64));
    maximum_ = limit_;
    miss_percent_ = chance(50) ? 0 : static_cast<unsigned>(random_.below(30));
    block_percent_ = chance(50) ? 0 : 5;
    has_flood_ = chance(50);
    changes_maximum_ = limit_ > 1 && chance(30);
    has_overflow_ = chance(20);
    cores_.resize(static_cast<size_t>(limit_));
    lanes_.resize(1 + random_.below(4));
    for (class_statistics& each : statistics_) {
        each.deadline_ns = chance(50) ? 0 : static_cast<int64_t>(1 + random_.below(1000)) * 1000;
    }
}

task& simulation::make_task() {
    task& t = tasks_.emplace_back();
    t.id = tasks_.size();
    return t;
}

void simulation::make_tasks() {
    const bool has_priorities = chance(50);
    const auto long_percent = static_cast<unsigned>(chance(50) ? 0 : random_.below(10));
    const uint64_t count = 5 + random_.below(120);
    for (uint64_t i = 0; i < count; ++i) {
        task& t = make_task();
        t.priority = has_priorities ? static_cast<int32_t>(random_.below(RP_PRIORITIES)) : 1;
        t.cls = static_cast<int32_t>(random_.below(RP_CLASSES));
        t.steps = static_cast<uint32_t>(chance(long_percent) ? 100 + random_.below(200)
                                                             : 1 + random_.below(4));
        t.children = static_cast<uint32_t>(chance(30) ? random_.below(4) : 0);
        waiting_outside_.push_back(&t);
        ordinary_left_ += t.must_not_starve() ? 1 + t.children : 0;
    }
    const uint64_t feeders = has_flood_ ? 1 + random_.below(2 * cores_.size() + 1) : 0;
    for (uint64_t i = 0; i < feeders; ++i) {
        task& t = make_task();
        t.cls = static_cast<int32_t>(random_.below(RP_CLASSES));
        t.steps = static_cast<uint32_t>(1 + random_.below(3));
        t.kind = chance(60) ? task::feeds_inside : task::feeds_outside;
        feeders_.push_back(&t);
    }
}

void simulation::run() {
    for (task* each : feeders_) {
        submit(*each, RP_FROM_OUTSIDE, RP_NO_CORE);
    }
    while (broken_.rule == 0 &&
           (outstanding_ != 0 || !waiting_outside_.empty() || !detached_.empty())) {
        if (active_.empty() && detached_.empty() && waiting_outside_.empty()) {
            break; // every core is parked
        }
        step_once();
    }
    if (broken_.rule == 0) {
        check_end();
    }
}

void simulation::step_once() {
    ++event_;
    now_ += static_cast<int64_t>(200 + random_.below(1800));
    if (!waiting_outside_.empty() && (active_.empty() || chance(10))) {
        step_outside();
    } else if (!detached_.empty() && (active_.empty() || chance(10))) {
        step_detached();
    } else if (chance(2)) {
        housekeeping();
    } else if (!active_.empty()) {
        step_core(active_[random_.below(active_.size())]);
    }
    if (has_flood_ && event_ % 4096 == 0) {
        watch_starvation();
    }
}

/// Other threads submit, some in bursts; or a deadline passes and one of them is due.
void simulation::step_outside() {
    uint64_t burst = chance(20) ? 1 + random_.below(64) : 1;
    while (burst-- != 0 && !waiting_outside_.empty() && broken_.rule == 0) {
        std::swap(waiting_outside_[random_.below(waiting_outside_.size())],
                  waiting_outside_.back());
        task* t = waiting_outside_.back();
        waiting_outside_.pop_back();
        constexpr rp_origin origins[] = {RP_FROM_OUTSIDE, RP_FROM_TIMER, RP_FROM_IO};
        const rp_origin origin = chance(70) ? RP_FROM_OUTSIDE : origins[random_.below(3)];
        const uint64_t more = chance(20) ? random_.below(10) : 0;
        submit(*t, origin, RP_NO_CORE);
        for (uint64_t i = 0; i < more && broken_.rule == 0; ++i) {
            ordinary_left_ += t->must_not_starve() ? 1 : 0;
            submit(*t, origin, RP_NO_CORE);
        }
    }
}

void simulation::step_detached() {
    const size_t at = random_.below(detached_.size());
    if (--detached_[at].steps_left != 0) {
        return;
    }
    task* t = detached_[at].t;
    detached_[at] = detached_.back();
    detached_.pop_back();
    finish(*t, RP_NO_CORE);
}

void simulation::housekeeping() {
    if (table_.tick != nullptr && chance(50)) {
        table_.tick(self_, this);
    } else if (changes_maximum_ && chance(20)) {
        change_maximum();
    } else if (chance(20)) { // a wake-up that has lost its cause
        wake(static_cast<int>(random_.below(static_cast<uint64_t>(maximum_))));
    }
}

void simulation::change_maximum() {
    maximum_ = static_cast<int>(1 + random_.below(static_cast<uint64_t>(limit_)));
    for (int id = 0; id < limit_; ++id) {
        core& c = cores_[static_cast<size_t>(id)];
        c.has_maximum_changed = true;
        if (id >= maximum_ && c.state != core::running) {
            close_core(id);
        } else if (id < maximum_ && has_work_for(id)) {
            wake(id);
        }
    }
}

/// What waits with a core that is closed goes to core 0.
void simulation::close_core(int id) {
    core& c = cores_[static_cast<size_t>(id)];
    if (c.state != core::parked) {
        c.state = core::parked;
        active_.erase(std::find(active_.begin(), active_.end(), id));
    }
    core& heir = cores_[0];
    for (queue* q : {&c.deque, &c.line, &c.inbox}) {
        while (q->size() != 0) {
            task* t = q->take_oldest();
            t->where = {RP_QUEUE_CORE, 0};
            heir.inbox.push(t, event_);
        }
    }
    if (heir.length() != 0) {
        wake(0);
    }
}

void simulation::step_core(int id) {
    core& c = cores_[static_cast<size_t>(id)];
    if (c.state == core::searching) {
        search(id);
        return;
    }
    task& t = *c.current;
    if (table_.should_yield != nullptr && (table_.flags & RP_POLICY_TIMES) != 0 && chance(10)) {
        answered(static_cast<uint64_t>(
            table_.should_yield(self_, this, id, static_cast<int64_t>(t.steps) * 1000) != 0));
    }
    if (t.steps > 1 && chance(block_percent_)) { // another worker takes over the core
        detached_.push_back({&t, c.steps_left});
        end_search(id);
        return;
    }
    if (--c.steps_left == 0) {
        finish(t, id);
        end_search(id);
    }
}

/// A callback has ended or left: the core closes or looks for the next item.
void simulation::end_search(int id) {
    cores_[static_cast<size_t>(id)].current = nullptr;
    if (id >= maximum_) {
        close_core(id);
    } else {
        begin_search(id);
    }
}

void simulation::begin_search(int id) {
    core& c = cores_[static_cast<size_t>(id)];
    c.state = core::searching;
    c.step = {0, 0, c.turn};
    c.search_began = event_;
    c.has_maximum_changed = false;
    c.seen = {};
}

void simulation::run_on(int id, task& t) {
    core& c = cores_[static_cast<size_t>(id)];
    t.is_queued = false;
    --t.pending;
    ++begun_;
    ++c.turn;
    c.state = core::running;
    c.current = &t;
    c.steps_left = t.steps;
    if (t.pending != 0) {
        place(t, RP_FROM_ITSELF, id);
    }
}

void simulation::finish(task& t, int from) {
    ++t.ran;
    --outstanding_;
    class_statistics& s = statistics_[static_cast<size_t>(t.cls)];
    const int64_t ns = static_cast<int64_t>(t.steps) * 1000;
    s.mean_ns = s.seen == 0 ? ns : s.mean_ns + (ns - s.mean_ns) / 8;
    ++s.seen;
    if (t.kind == task::once) {
        ordinary_left_ -= t.must_not_starve() ? 1 : 0;
        for (; t.children != 0 && broken_.rule == 0; --t.children) {
            task& child = make_task();
            child.cls = t.cls;
            child.steps = 1 + static_cast<uint32_t>(random_.below(3));
            child.priority = t.priority;
            submit(child, RP_FROM_CALLBACK, from);
        }
    } else if (ordinary_left_ != 0) {
        const bool is_inside = t.kind == task::feeds_inside;
        submit(t, is_inside ? RP_FROM_CALLBACK : RP_FROM_OUTSIDE, is_inside ? from : RP_NO_CORE);
    }
}

void simulation::submit(task& t, rp_origin origin, int from) {
    ++t.submitted;
    ++t.pending;
    ++outstanding_;
    if (t.pending == 1) {
        place(t, origin, from);
    }
}

void simulation::wake(int id) {
    core& c = cores_[static_cast<size_t>(id)];
    if (id < maximum_ && c.state == core::parked) {
        active_.push_back(id);
        begin_search(id);
    }
}

void simulation::wake_for(rp_queue q) {
    if (q.kind == RP_QUEUE_CORE) {
        wake(q.index < maximum_ ? q.index : 0);
    }
    const auto start = static_cast<int>(random_.below(static_cast<uint64_t>(maximum_)));
    for (int k = 0; k < maximum_; ++k) {
        const int id = (start + k) % maximum_;
        if (cores_[static_cast<size_t>(id)].state == core::parked && reads(id, q)) {
            wake(id);
            return;
        }
    }
}

} // namespace rp::lab::sim
