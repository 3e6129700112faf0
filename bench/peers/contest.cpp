// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/contest.hpp"

#include "bench/lab/machine.hpp"
#include "bench/lab/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>

namespace rp::peers {

std::string contest::name() const {
    return fmt::format("{}, {} worker{}", shape, workers, workers == 1 ? "" : "s");
}

std::vector<contest> all_contests(const bench_settings& settings) {
    std::vector<contest> all;
    add_task_shapes(all, settings);
    add_idle_wake(all, settings);
    add_timers(all, settings);
    add_event_wait(all, settings);
    add_transfers(all, settings);
    add_win32(all, settings);
    for (contest& one : all) {
        if (!settings.peers) {
            std::erase_if(one.contestants,
                          [](const contestant& c) { return c.part == role::peer; });
        }
        std::stable_partition(one.contestants.begin(),
                              one.contestants.end(),
                              [](const contestant& c) { return c.part != role::limit; });
    }
    return all;
}

std::vector<contest>
select(std::vector<contest> from, const std::vector<std::string>& only, std::string& unknown) {
    const auto is_named = [](const contest& one, const std::string& name) {
        return one.shape == name || one.family == name;
    };
    for (const std::string& name : only) {
        if (std::none_of(from.begin(), from.end(), [&](const contest& one) {
                return is_named(one, name);
            })) {
            unknown = name;
        }
    }
    std::vector<contest> chosen;
    std::copy_if(std::make_move_iterator(from.begin()),
                 std::make_move_iterator(from.end()),
                 std::back_inserter(chosen),
                 [&](const contest& one) {
                     return only.empty() ||
                            std::any_of(only.begin(), only.end(), [&](const std::string& name) {
                                return is_named(one, name);
                            });
                 });
    return chosen;
}

row_result hold(const contest& which, unsigned repetitions, std::uint64_t seed, const go_on& next) {
    row_result row;
    row.shape = which.shape;
    row.family = which.family;
    row.workers = which.workers;
    row.unit = which.unit;
    row.sense = which.sense;
    for (const contestant& one : which.contestants) {
        row.engines.push_back({one.engine, one.part, {}, {}, one.absent, {}});
        row.engines.back().values.resize(repetitions);
    }
    if (which.prepare) {
        row.skipped = which.prepare();
        if (!row.skipped.empty()) {
            return row;
        }
    }
    std::vector<std::size_t> order(which.contestants.size());
    std::iota(order.begin(), order.end(), 0U);
    for (unsigned repetition = 0; repetition < repetitions; ++repetition) {
        const std::uint64_t own = lab::derive_seed(seed, which.name(), repetition);
        lab::random_source random(own);
        for (std::size_t i = order.size(); i > 1; --i) {
            std::swap(order[i - 1], order[random.below(i)]);
        }
        for (const std::size_t i : order) {
            const contestant& one = which.contestants[i];
            series& into = row.engines[i];
            if (!into.absent.empty() || !into.fault.empty()) {
                continue;
            }
            if (!next(one)) {
                return row;
            }
            const unsigned threads = lab::thread_count();
            sample found = one.measure(own);
            lab::settle(threads);
            if (!found.fault.empty()) {
                into.fault = std::move(found.fault);
            } else if (!found.missed.empty()) {
                into.missed = std::move(found.missed);
            } else {
                into.values[repetition] = found.value;
            }
        }
    }
    return row;
}

} // namespace rp::peers
