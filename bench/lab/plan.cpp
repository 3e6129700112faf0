// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/plan.hpp"

#include "bench/lab/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace rp::lab {

namespace {

// Measured on a two-CPU virtual machine: threads to start and to end, and for echo a client
// process.
constexpr double submit_overhead_seconds = 0.06;
constexpr double read_overhead_seconds = 0.05;
constexpr double echo_overhead_seconds = 0.10;
constexpr double capacity_seconds = 0.4; // five trials of each service
constexpr double startup_seconds = 0.5;
constexpr double file_bytes_per_second = 400e6;

void add_block(const section& from, cell common, const std::string& filter, plan& out) {
    common.block = common.id;
    bool any = false;
    const auto add = [&](const std::string& engine, bool twin) {
        cell one = common;
        one.engine = engine;
        one.twin = twin;
        one.label = twin ? engine + " (again)" : engine;
        one.id = common.block + "/" + engine + (twin ? "#2" : "");
        if (one.id.find(filter) != std::string::npos) {
            out.cells.push_back(std::move(one));
            any = true;
        }
    };
    for (const std::string& engine : from.engines) {
        add(engine, false);
    }
    if (from.aa && !from.engines.empty()) {
        add(from.engines.front(), true);
    }
    if (any) {
        out.blocks.push_back(common.block);
    }
}

void add_submit(const section& from, cell common, const std::string& filter, plan& out) {
    for (const service_spec& service : from.services) {
        for (const double load : from.loads) {
            cell block = common;
            block.service = service;
            block.load = load;
            block.id = fmt::format(
                "submit/service={}/load={}/workers={}", service.label, load, common.workers);
            add_block(from, std::move(block), filter, out);
        }
    }
}

void add_transfer(const section& from, cell common, const std::string& filter, plan& out) {
    for (const bool direct : from.direct) {
        for (const unsigned depth : from.depths) {
            cell block = common;
            block.direct = direct;
            block.depth = depth;
            block.id = from.kind == section_kind::read
                           ? fmt::format("read/{}/depth={}/workers={}",
                                         direct ? "direct" : "cached",
                                         depth,
                                         common.workers)
                           : fmt::format("echo/connections={}/workers={}", depth, common.workers);
            add_block(from, std::move(block), filter, out);
        }
    }
}

void order_steps(const manifest& wanted, plan& out) {
    for (unsigned repetition = 0; repetition < wanted.repetitions; ++repetition) {
        for (const std::string& block : out.blocks) {
            std::vector<std::size_t> members;
            for (std::size_t i = 0; i < out.cells.size(); ++i) {
                if (out.cells[i].block == block) {
                    members.push_back(i);
                }
            }
            random_source random(derive_seed(wanted.seed, "order/" + block, repetition));
            for (std::size_t i = members.size(); i > 1; --i) {
                std::swap(members[i - 1], members[random.below(i)]);
            }
            for (const std::size_t member : members) {
                step next;
                next.cell = member;
                next.repetition = repetition;
                next.seed = derive_seed(wanted.seed, block, repetition);
                out.steps.push_back(next);
            }
            out.steps.back().ends_round = true;
        }
    }
}

} // namespace

double step_seconds(const section& of) {
    double overhead = submit_overhead_seconds;
    if (of.kind == section_kind::read) {
        overhead = read_overhead_seconds;
    } else if (of.kind == section_kind::echo) {
        overhead = echo_overhead_seconds;
    }
    return of.warmup_seconds + of.duration_seconds + overhead;
}

plan make_plan(const manifest& wanted, unsigned default_workers, const std::string& filter) {
    plan out;
    out.estimated_seconds = startup_seconds;
    for (std::size_t i = 0; i < wanted.sections.size(); ++i) {
        const section& from = wanted.sections[i];
        for (const unsigned workers : from.workers) {
            cell common;
            common.section = i;
            common.kind = from.kind;
            common.workers = workers == 0 ? default_workers : workers;
            if (from.kind == section_kind::submit) {
                add_submit(from, std::move(common), filter, out);
            } else {
                add_transfer(from, std::move(common), filter, out);
            }
        }
    }
    order_steps(wanted, out);
    std::set<std::pair<std::string, unsigned>> capacities;
    std::set<std::size_t> files;
    for (const cell& one : out.cells) {
        out.estimated_seconds +=
            step_seconds(wanted.sections[one.section]) * static_cast<double>(wanted.repetitions);
        if (one.kind == section_kind::submit) {
            capacities.emplace(one.service.label, one.workers);
        } else if (one.kind == section_kind::read) {
            files.insert(one.section);
        }
    }
    out.estimated_seconds += capacity_seconds * static_cast<double>(capacities.size());
    for (const std::size_t index : files) {
        out.estimated_seconds +=
            static_cast<double>(wanted.sections[index].file_bytes) / file_bytes_per_second;
    }
    return out;
}

} // namespace rp::lab
