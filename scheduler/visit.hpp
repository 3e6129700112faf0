// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keeping an engine in memory while a foreign thread is inside one of its functions.
//
// A callback may close its own object and its own pool. The thread that submitted it may then still
// be inside the submit, past the push and before the wake, when the last reference goes. References
// cannot help: taking one for each submit costs as much as the submit. So a foreign thread notes in
// a record of its own which engine it visits, and whoever drops the last reference looks at all
// records:
//   visitor                                     last release
//   1. record = engine                          1. (the item has run)
//   2. pushes the item                          2. reads every record; one names the engine: the
//   3. uses the engine                             monitor tries again at its next tick
//   4. record = nothing                         3. otherwise frees it
// Step 1 happens before step 2 of the visitor, the push before the run, the run before the last
// release: no fence is needed for the reader to see the note.
//
// Records are never freed; a thread that exits leaves its record to the next one.
#include <atomic>

namespace rp::sched {

class engine;

struct visit_record {
    std::atomic<const engine*> visited{nullptr};
    std::atomic<bool> is_owned{true};
    visit_record* next = nullptr; // constant once published
};

class visit {
public:
    explicit visit(const engine& e) noexcept : record_(mine != nullptr ? *mine : make_mine()) {
        // mo: relaxed, nests only for a callback-free callee; read by this thread alone.
        outer_ = record_.visited.load(std::memory_order_relaxed);
        // mo: relaxed, ordered by the push that follows (see the essay).
        record_.visited.store(&e, std::memory_order_relaxed);
    }

    ~visit() {
        // mo: release, pairs visit.record (is_visited): the engine is not touched after this.
        record_.visited.store(outer_, std::memory_order_release);
    }

    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;

    /// Is any thread inside `e`?
    [[nodiscard]] static bool is_visited(const engine& e) noexcept;

private:
    static visit_record& make_mine() noexcept;
    static void leave_mine(void* record) noexcept;

    [[gnu::tls_model("initial-exec")]] static thread_local visit_record* mine;

    visit_record& record_;
    const engine* outer_;
};

} // namespace rp::sched
