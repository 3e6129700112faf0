// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/shapes.hpp"
#include "bench/peers/tally.hpp"

#include <windows.h>

#include <cstdio>
#include <cstdlib>

namespace rp::peers {

namespace {

constexpr std::uint64_t objects = 1000;

template <class Result>
Result must(Result result, const char* what) {
    if (!result) {
        std::fprintf(stderr, "ringpool bench: %s: Windows error %u\n", what, GetLastError());
        std::exit(1);
    }
    return result;
}

class ringpool_engine final : public engine {
public:
    explicit ringpool_engine(unsigned workers) : pool_(must(CreateThreadpool(nullptr), "pool")) {
        SetThreadpoolThreadMaximum(pool_, workers);
        must(SetThreadpoolThreadMinimum(pool_, workers), "SetThreadpoolThreadMinimum");
        InitializeThreadpoolEnvironment(&environment_);
        SetThreadpoolCallbackPool(&environment_, pool_);
        for (std::uint64_t i = 0; i < objects; ++i) {
            works_.push_back(make_work(on_count));
        }
        fan_ = make_work(on_fan);
        ping_ = make_work(on_ping);
        pong_ = make_work(on_pong);
        probe_ = make_work(on_probe);
    }

    ~ringpool_engine() override {
        works_.insert(works_.end(), {fan_, ping_, pong_, probe_});
        for (const PTP_WORK work : works_) {
            WaitForThreadpoolWorkCallbacks(work, FALSE);
            CloseThreadpoolWork(work);
        }
        DestroyThreadpoolEnvironment(&environment_);
        CloseThreadpool(pool_);
    }

    void run(shape s, std::uint64_t n) override {
        const std::uint64_t target = total() + n;
        switch (s) {
        case shape::submit_one:
            submit(n, 0, 1);
            break;
        case shape::submit_1000:
            submit(n, 0, objects);
            break;
        case shape::try_submit:
            for (std::uint64_t i = 0; i < n; ++i) {
                must(TrySubmitThreadpoolCallback(on_simple, nullptr, &environment_), "TrySubmit");
            }
            break;
        case shape::fan_out:
            left_ = n;
            SubmitThreadpoolWork(fan_);
            break;
        case shape::fork_join:
            tree_.plant(n);
            nodes_.assign(n, {this});
            spawn(0);
            break;
        case shape::chain:
            left_ = n;
            SubmitThreadpoolWork(ping_);
            break;
        case shape::four_producers:
            (*team_).run([this, n](unsigned index) {
                constexpr std::uint64_t part = objects / producer_team::size;
                submit(share_of(n, index), index * part, part);
            });
            break;
        }
        await_total(target);
        if (s == shape::submit_one) {
            // The pool's own wait is part of this shape.
            WaitForThreadpoolWorkCallbacks(works_.front(), FALSE);
        }
    }

    void submit(task_call call, void* context) override {
        call_ = call;
        context_ = context;
        SubmitThreadpoolWork(probe_);
    }

private:
    struct tree_node {
        ringpool_engine* owner;
    };

    PTP_WORK make_work(PTP_WORK_CALLBACK callback) {
        return must(CreateThreadpoolWork(callback, this, &environment_), "CreateThreadpoolWork");
    }

    // n submissions over the `count` objects from `first` on, in turn.
    void submit(std::uint64_t n, std::uint64_t first, std::uint64_t count) {
        const PTP_WORK* const begin = works_.data() + first;
        const PTP_WORK* const end = begin + count;
        const PTP_WORK* next = begin;
        for (std::uint64_t i = 0; i < n; ++i) {
            SubmitThreadpoolWork(*next);
            next = next + 1 == end ? begin : next + 1;
        }
    }

    static void CALLBACK on_count(PTP_CALLBACK_INSTANCE, PVOID, PTP_WORK) { count_one(); }

    static void CALLBACK on_simple(PTP_CALLBACK_INSTANCE, PVOID) { count_one(); }

    static void CALLBACK on_fan(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
        auto& self = *static_cast<ringpool_engine*>(context);
        self.submit(self.left_, 0, objects);
    }

    static void CALLBACK on_ping(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
        auto& self = *static_cast<ringpool_engine*>(context);
        self.hop(self.pong_);
    }

    static void CALLBACK on_pong(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
        auto& self = *static_cast<ringpool_engine*>(context);
        self.hop(self.ping_);
    }

    static void CALLBACK on_probe(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
        const auto& self = *static_cast<ringpool_engine*>(context);
        self.call_(self.context_);
    }

    // A node of the tree is a fire-and-forget callback; its place in nodes_ is its number.
    void spawn(std::uint64_t number) {
        must(TrySubmitThreadpoolCallback(on_node, &nodes_[number], &environment_), "TrySubmit");
    }

    static void CALLBACK on_node(PTP_CALLBACK_INSTANCE, PVOID context) {
        const auto* const node = static_cast<tree_node*>(context);
        ringpool_engine& self = *node->owner;
        self.tree_.visit(static_cast<std::uint64_t>(node - self.nodes_.data()),
                         [&self](std::uint64_t child) { self.spawn(child); });
    }

    void hop(PTP_WORK next) {
        left_ -= 1;
        if (left_ != 0) {
            SubmitThreadpoolWork(next);
        }
        count_one();
    }

    PTP_POOL pool_;
    TP_CALLBACK_ENVIRON environment_{};
    std::vector<PTP_WORK> works_;
    PTP_WORK fan_ = nullptr;
    PTP_WORK ping_ = nullptr;
    PTP_WORK pong_ = nullptr;
    std::uint64_t left_ = 0; // handed from hop to hop with the submit
    PTP_WORK probe_ = nullptr;
    task_call call_ = nullptr;
    void* context_ = nullptr;
    task_tree tree_;
    std::vector<tree_node> nodes_;
    lazy_team team_;
};

} // namespace

std::unique_ptr<engine> make_ringpool(unsigned workers) {
    return std::make_unique<ringpool_engine>(workers);
}

} // namespace rp::peers
