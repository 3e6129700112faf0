// SPDX-License-Identifier: Apache-2.0
// Breaks P3: waits for work by spinning for ever.
#include <ringpool/policy.hpp>

using namespace ringpool;

struct spins : policy {
    static constexpr bool steals = false;

    placement place(context /*c*/, const task& t, int /*from*/) { return to_shared(t.priority); }

    action next(context /*c*/, int /*core*/, const step& s) {
        return s.tries < 3    ? take_shared(static_cast<int>(s.tries))
               : s.tries == 3 ? poll()
                              : spin(50);
    }
};

RINGPOOL_POLICY(spins, "plug-spins", "Never sleeps.")
