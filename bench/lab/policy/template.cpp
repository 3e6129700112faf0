// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/policy/template.hpp"

namespace rp::lab {

namespace {

constexpr const char* source =
    R"CODE(// Scheduling policy @NAME@: a queue for each core, newest first, and stealing.
#include <ringpool/policy.hpp>

using namespace ringpool;

struct @TYPE@_policy : policy {
    // Where a runnable item goes. from: the core of the caller, or RP_NO_CORE (-1).
    placement place(context, const task& t, int from) {
        if (from < 0 || t.priority != 1)
            return to_shared(t.priority); // from outside, or not of normal priority
        return to_core(from, t.origin == RP_FROM_CALLBACK ? RP_SPOT_NEWEST : RP_SPOT_LINE);
    }

    // What a core tries next. s.tries counts what was tried in vain since the last item.
    action next(context c, int core, const step& s) {
        if (c.length(shared_queue(0)) != 0)
            return take_shared(0); // high priority before all else
        // Newest first starves what is older, so every 8th item comes from somewhere else.
        const action others[] = {take_line(), take_inbox(), take_shared(1), poll(), take_oldest()};
        if (s.tries == 0 && s.turn % 8 == 7)
            return others[s.turn / 8 % 5];
        if (s.tries < 2)
            return take_newest();
        if (s.tries < 6)
            return others[s.tries - 2];
        const unsigned attempt = s.tries - 6;
        if (attempt + 1 < static_cast<unsigned>(c.cores()))
            return steal(c.near(core, attempt)); // every other core once, the nearest first
        if (attempt + 1 == static_cast<unsigned>(c.cores()))
            return take_shared(2); // low priority
        return s.spins < 8 ? spin(500) : park();
    }
};

RINGPOOL_POLICY(@TYPE@_policy, "@NAME@", "Newest first on the own core, with stealing.")
)CODE";

constexpr const char* makefile =
    R"CODE(# make: builds the policy. make check: looks for broken rules of the contract.
# When ringpool is not installed in a standard place:
#   make PKG_CONFIG_PATH=PREFIX/lib/pkgconfig
CXX ?= c++
CXXFLAGS ?= -O2 -Wall -Wextra
PKG_CONFIG ?= pkg-config
RINGPOOL ?= ringpool

ifdef PKG_CONFIG_PATH
export PKG_CONFIG_PATH
endif

@NAME@.so: policy.cpp
@TAB@flags=$$($(PKG_CONFIG) --cflags ringpool) && \
@TAB@$(CXX) -std=c++20 $(CXXFLAGS) -fPIC -shared $$flags $(LDFLAGS) -o $@ policy.cpp

check: @NAME@.so
@TAB@$(RINGPOOL) policy check ./@NAME@.so

clean:
@TAB@rm -f @NAME@.so

.PHONY: check clean
)CODE";

constexpr const char* readme = R"CODE(# @NAME@

A scheduling policy for ringpool. It builds against an installed ringpool and needs none of its
sources.

    make                                    # @NAME@.so
    make check                              # 1000 simulated schedules against the contract
    RINGPOOL_POLICY_LIB=$PWD/@NAME@.so RINGPOOL_POLICY=@NAME@ ./your-program
    ringpool run --policy-lib @NAME@.so MANIFEST.toml    # policy = ["ws", "@NAME@"] in it

`place` says where a runnable item goes, `next` what a core tries next; `<ringpool/policy.h>` has
all the words and the contract (P1 to P6). A policy that breaks it in a running pool is evicted: the
pool goes on with a built-in order, and its name becomes "@NAME@ (evicted)".
)CODE";

} // namespace

const std::vector<policy_template_file>& policy_template() {
    static const std::vector<policy_template_file> files = {
        {"policy.cpp", source},
        {"Makefile", makefile},
        {"README.md", readme},
    };
    return files;
}

} // namespace rp::lab
