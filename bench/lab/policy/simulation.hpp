// SPDX-License-Identifier: Apache-2.0
#pragma once
// One random schedule of a simulated pool under a policy, in one thread and in virtual time.
//
// A schedule follows from its seed alone. At every event one actor takes a step: a core asks `next`
// once and does what it says, or runs its callback for a microsecond; a callback without a core
// goes on; threads outside submit; deadlines pass, the maximum changes. So the steps of cores
// interleave in every order, which is what finds a policy that is wrong only now and then.
//
// What it has in common with the library are the queues, who wakes when, and the rules of
// <ringpool/policy.h>; nothing of the library runs here. Takes and steals sometimes find nothing
// though something is there, as they do when two cores meet at a queue.
//
// The promises that are kept by the library whatever a policy does (nothing lost, nothing run
// twice) are checked all the same: if they broke here, this program would be wrong.
//
// Rejected: running the policy in a real pool with random loads. It would find races in its hooks,
// but could not say after which answer things went wrong, nor find it again.
#include "bench/lab/policy/model.hpp"
#include "bench/lab/random.hpp"

#include <deque>
#include <string>
#include <vector>

namespace rp::lab::sim {

struct violation {
    int rule = 0; // 1: P1 ...; 0: none
    std::string what;
    uint64_t event = 0;
};

class simulation final : private rp_policy_context {
public:
    simulation(const rp_policy& table, uint64_t seed);
    ~simulation();
    simulation(const simulation&) = delete;
    simulation& operator=(const simulation&) = delete;

    /// The whole schedule, or up to the first broken rule.
    void run();

    [[nodiscard]] const violation& broken() const { return broken_; }

    /// One number for each answer of the policy.
    [[nodiscard]] const std::vector<uint64_t>& answers() const { return answers_; }

    [[nodiscard]] uint64_t event_of_answer(size_t i) const { return answer_events_[i]; }

    [[nodiscard]] uint64_t events() const { return event_; }

    [[nodiscard]] uint64_t calls() const { return begun_; }

    /// The last few events in words, oldest first.
    [[nodiscard]] std::vector<std::string> last_events() const;

    [[nodiscard]] int cores() const { return maximum_; }

private:
    struct note {
        uint64_t event = 0;
        int core = RP_NO_CORE;
        bool is_place = false;
        bool has_found = false;
        rp_action action = {};
        rp_placement placement = {};
        rp_step step = {};
        rp_task task = {};
    };

    struct detached { // a callback that has lost its core
        task* t;
        uint32_t steps_left;
    };

    static constexpr size_t notes_kept = 8;

    void choose_shape();
    void make_tasks();
    [[nodiscard]] task& make_task();
    void step_once();
    void step_outside();
    void step_detached();
    void housekeeping();
    void change_maximum();
    void close_core(int id);
    void step_core(int id);
    void search(int id);
    bool perform(int id, const rp_action& a);
    void end_search(int id);
    void begin_search(int id);
    void run_on(int id, task& t);
    void finish(task& t, int from);
    void submit(task& t, rp_origin origin, int from);
    void place(task& t, rp_origin origin, int from);
    void put(task& t, const rp_placement& p, int from);
    void wake_for(rp_queue q);
    void wake(int id);
    void watch_starvation();
    void check_end();

    task* take_from(queue& q, uint32_t part, core& own);
    task* take_batch(core& own, std::vector<task*>& batch);
    task* take_arrivals(core& own);
    task* steal(int id, const rp_action& a);

    [[nodiscard]] bool reads(int id, rp_queue q);
    [[nodiscard]] std::string left_behind(int id);
    [[nodiscard]] bool has_work_for(int id);
    [[nodiscard]] size_t length_of(rp_queue q) const;
    [[nodiscard]] size_t arrivals_length() const;
    [[nodiscard]] std::string problem_of(const rp_placement& p, int from) const;
    [[nodiscard]] std::string problem_of(const rp_action& a, const rp_step& s, int& rule) const;

    bool chance(unsigned percent) { return random_.below(100) < percent; }

    void fail(int rule, std::string what);
    void answered(uint64_t value);
    note& take_note(int core);

    static const rp_policy_host host_;
    static simulation& of(const rp_policy_context* c);

    const rp_policy& table_;
    void* self_ = nullptr;
    random_source random_;        // the schedule's
    random_source policy_random_; // what the policy is given

    int limit_ = 1;   // cores there are
    int maximum_ = 1; // cores that may be used now
    unsigned miss_percent_ = 0;
    unsigned block_percent_ = 0;
    bool has_flood_ = false;
    bool changes_maximum_ = false;
    bool has_overflow_ = false; // lanes may be full

    std::deque<task> tasks_; // they stay where they are
    std::vector<task*> feeders_;
    std::vector<task*> waiting_outside_; // not yet submitted
    uint64_t ordinary_left_ = 0;         // calls that feeders must let through
    uint64_t outstanding_ = 0;

    std::vector<core> cores_;
    std::array<queue, RP_PRIORITIES> shared_;
    std::array<queue, RP_CLASSES> classes_;
    std::vector<queue> lanes_;
    uint64_t arrivals_filled_ = 0;
    sorted_queue sorted_;
    std::array<class_statistics, RP_CLASSES> statistics_{};
    std::vector<detached> detached_;
    std::vector<int> active_;

    int64_t now_ = 1'000'000'000;
    uint64_t event_ = 0;
    uint64_t begun_ = 0;
    std::vector<uint64_t> answers_;
    std::vector<uint64_t> answer_events_;
    std::array<note, notes_kept> notes_{};
    uint64_t noted_ = 0;
    violation broken_;
};

/// In words, for reports.
[[nodiscard]] std::string words_for(rp_queue q);
[[nodiscard]] std::string words_for(const rp_action& a);

} // namespace rp::lab::sim
