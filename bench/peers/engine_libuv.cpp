// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/shapes.hpp"
#include "bench/peers/tally.hpp"

#include <uv.h>

#include <cstdio>
#include <cstdlib>

namespace rp::peers {

namespace {

// uv_queue_work, from the thread of the loop, as libuv demands. Its pool has UV_THREADPOOL_SIZE
// threads from the first request of a process on, so this engine runs in a process of its own
// (child.hpp) that was started with the number of workers there. A request is over when the loop
// has called back on its own thread; that is part of what a submission costs with libuv, and timed.
class libuv_engine final : public engine {
public:
    libuv_engine() { must(uv_loop_init(&loop_), "uv_loop_init"); }

    ~libuv_engine() override {
        uv_run(&loop_, UV_RUN_DEFAULT);
        uv_loop_close(&loop_);
    }

    void run(shape s, std::uint64_t n) override {
        if (s == shape::chain) {
            left_ = n;
            requests_.resize(1);
            queue_hop();
        } else {
            requests_.resize(n);
            for (uv_work_t& one : requests_) {
                must(uv_queue_work(
                         &loop_, &one, [](uv_work_t*) { count_one(); }, on_counted),
                     "uv_queue_work");
            }
        }
        uv_run(&loop_, UV_RUN_DEFAULT);
    }

    void submit(task_call call, void* context) override {
        uv_run(&loop_, UV_RUN_DEFAULT); // the one before has called back
        probe_ = {call, context};
        probing_.data = &probe_;
        must(uv_queue_work(
                 &loop_,
                 &probing_,
                 [](uv_work_t* request) {
                     const auto& wanted = *static_cast<probe*>(request->data);
                     wanted.call(wanted.context);
                 },
                 on_counted),
             "uv_queue_work");
    }

private:
    struct probe {
        task_call call = nullptr;
        void* context = nullptr;
    };

    static void must(int fault, const char* what) {
        if (fault != 0) {
            std::fprintf(stderr, "ringpool bench: libuv: %s: %s\n", what, uv_strerror(fault));
            std::exit(1);
        }
    }

    static void on_counted(uv_work_t*, int) {}

    void queue_hop() {
        requests_[0].data = this;
        must(uv_queue_work(
                 &loop_,
                 requests_.data(),
                 [](uv_work_t*) { count_one(); },
                 [](uv_work_t* request, int) {
                     auto& self = *static_cast<libuv_engine*>(request->data);
                     self.left_ -= 1;
                     if (self.left_ != 0) {
                         self.queue_hop();
                     }
                 }),
             "uv_queue_work");
    }

    uv_loop_t loop_{};
    std::vector<uv_work_t> requests_;
    std::uint64_t left_ = 0;
    uv_work_t probing_{};
    probe probe_;
};

} // namespace

bool libuv_runs(shape s) {
    return s == shape::submit_one || s == shape::submit_1000 || s == shape::try_submit ||
           s == shape::chain;
}

std::unique_ptr<engine> make_libuv(unsigned) {
    return std::make_unique<libuv_engine>();
}

} // namespace rp::peers
