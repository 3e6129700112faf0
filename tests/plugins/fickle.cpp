// SPDX-License-Identifier: Apache-2.0
// Breaks P6: a number of its own, which pools share and a new `self` does not begin anew.
#include <ringpool/policy.hpp>

#include <atomic>

using namespace ringpool;

struct fickle : policy {
    static constexpr bool steals = false;

    placement place(context /*c*/, const task& t, int /*from*/) {
        static std::atomic<unsigned> state{12345};
        // mo: relaxed, any number will do.
        const unsigned drawn =
            state.fetch_add(0x9e3779b9U, std::memory_order_relaxed) * 2654435761U;
        return t.priority == 1 && (drawn >> 31U) != 0 ? to_class(t.cls) : to_shared(t.priority);
    }

    action next(context /*c*/, int /*core*/, const step& s) {
        const auto first = static_cast<unsigned>(s.turn % 20);
        const unsigned at = (first + s.tries) % 20; // every queue comes first in turn
        if (s.tries == 20) {
            return park();
        }
        return at < 16   ? take_class(static_cast<int>(at))
               : at < 19 ? take_shared(static_cast<int>(at - 16))
                         : poll();
    }
};

RINGPOOL_POLICY(fickle, "plug-fickle", "Decides by a number of its own.")
