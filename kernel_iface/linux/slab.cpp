// SPDX-License-Identifier: Apache-2.0
//
// What. Type-stable free lists that scale: a thread takes and gives without any shared write until
// its two magazines are both empty or both full; then one whole magazine changes hands in the
// depot.
//
// Nouns. A *piece* is the memory of one object. A *magazine* is an array of pointers to free
// pieces. A thread has two per slab, `loaded` and `spare`; with two, a thread that alternates
// around a magazine boundary does not go to the depot each time. The *depot* keeps the magazines no
// thread holds. A *chunk* is one allocation of magazine_pieces pieces; chunks are never freed.
//
// give() cannot fail, so it must never need memory. Let C be the number of chunks and T the number
// of threads with a cache.
//   A chunk is made together with one magazine, a cache together with two.
//   => magazines in the depot >= C whenever each of the T threads holds its two.
//   => room in the depot >= C * magazine_pieces = all pieces there are.
//   A piece being given lies in no magazine, so some depot magazine has room for it.
//
// A thread without a cache (no memory for one, or its exit hook has run and a later destructor
// still frees objects) works on the depot directly, one piece at a time.
//
// Rejected. Free lists threaded through the pieces: a stale handle may still look at the header of
// a freed piece, and walking cold objects under the lock costs 60 to 150 ns a piece. A blocking
// mutex in the depot: a contended unlock is a wake, 250 ns an operation instead of 20 to 60.
// malloc: 5 ns on one thread, but 70 to 80 ns when the freeing thread is another one, and not
// type-stable.
//
// Invariants. `count` of a magazine belongs to the thread that holds it, or to the depot's lock.
// Lists `stocked` (count > 0) and `empty` (count == 0) partition the depot's magazines.
#include "kernel_iface/linux/slab.hpp"

#include "kernel_iface/linux/fatal.hpp"
#include "kernel_iface/linux/prefetch.hpp"
#include "kernel_iface/linux/spin_lock.hpp"
#include "kernel_iface/linux/thread.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define RP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RP_ASAN 1
#endif
#endif
#ifdef RP_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace rp::kernel {

namespace {

constexpr size_t magazine_pieces = 48;
constexpr size_t slabs_max = 64;
/// A handle lookup may look at the header of a recycled object.
[[maybe_unused]] constexpr size_t readable_bytes = 64;

void poison([[maybe_unused]] void* piece, [[maybe_unused]] size_t bytes) noexcept {
#ifdef RP_ASAN
    if (bytes > readable_bytes) {
        __asan_poison_memory_region(static_cast<char*>(piece) + readable_bytes,
                                    bytes - readable_bytes);
    }
#endif
}

void unpoison([[maybe_unused]] void* piece, [[maybe_unused]] size_t bytes) noexcept {
#ifdef RP_ASAN
    __asan_unpoison_memory_region(piece, bytes);
#endif
}

} // namespace

struct slab::magazine {
    magazine* next = nullptr; // link while in the depot
    size_t count = 0;
    std::array<void*, magazine_pieces> pieces{};

    [[nodiscard]] bool is_empty() const noexcept { return count == 0; }

    [[nodiscard]] bool is_full() const noexcept { return count == magazine_pieces; }

    void push(void* piece) noexcept { pieces[count++] = piece; }

    void* pop() noexcept { return pieces[--count]; }

    [[nodiscard]] const void* newest() const noexcept { return pieces[count - 1]; }
};

struct slab::depot {
    size_t index = 0; // dense, for the per-thread table

    alignas(64) spin_lock lock;
    magazine* stocked = nullptr; // guard: lock
    magazine* empty = nullptr;   // guard: lock
    void* chunks = nullptr;      // guard: lock; keeps chunks reachable for leak checkers

    // The functions below need the lock.
    void put(magazine& held) noexcept {
        magazine*& list = held.is_empty() ? empty : stocked;
        held.next = list;
        list = &held;
    }

    magazine* take_stocked() noexcept {
        magazine* taken = stocked;
        if (taken != nullptr) {
            stocked = taken->next;
        }
        return taken;
    }

    /// A magazine with room, preferably an empty one. Never nullptr: see the essay.
    magazine& take_with_room() noexcept {
        if (empty != nullptr) {
            return *std::exchange(empty, empty->next);
        }
        for (magazine** link = &stocked; *link != nullptr; link = &(*link)->next) {
            if (!(*link)->is_full()) {
                return *std::exchange(*link, (*link)->next);
            }
        }
        fatal("slab: a piece was given back that was not taken (no magazine has room)");
    }
};

namespace {

struct pair_of_magazines {
    slab::magazine* loaded = nullptr;
    slab::magazine* spare = nullptr;
    slab::depot* home = nullptr;
};

struct thread_cache {
    std::array<pair_of_magazines, slabs_max> pairs{};
};

[[gnu::tls_model("initial-exec")]] thread_local thread_cache* cache_of_thread = nullptr;
/// No (more) cache for this thread: its exit hook has run, or there was no memory for one.
[[gnu::tls_model("initial-exec")]] thread_local bool is_cache_refused = false;

spin_lock depots_lock;
size_t depots_made = 0; // guard: depots_lock

void return_cache(void* raw) noexcept {
    auto* cache = static_cast<thread_cache*>(raw);
    cache_of_thread = nullptr;
    is_cache_refused = true;
    for (pair_of_magazines& pair : cache->pairs) {
        if (pair.home != nullptr) {
            const std::lock_guard guard(pair.home->lock);
            pair.home->put(*pair.loaded);
            pair.home->put(*pair.spare);
        }
    }
    delete cache;
}

} // namespace

struct slab_access {
    static slab::depot* find_depot(slab& self) noexcept {
        // mo: acquire, pairs slab.depot (make_depot).
        slab::depot* depot = self.depot_.load(std::memory_order_acquire);
        return depot != nullptr ? depot : make_depot(self);
    }

    static slab::depot* make_depot(slab& self) noexcept {
        const std::lock_guard guard(depots_lock);
        // mo: relaxed, all writers hold depots_lock.
        slab::depot* depot = self.depot_.load(std::memory_order_relaxed);
        if (depot != nullptr) {
            return depot;
        }
        depot = new (std::nothrow) slab::depot;
        if (depot == nullptr) {
            return nullptr;
        }
        if (depots_made == slabs_max) {
            fatal("slab: more kinds of slab than slabs_max");
        }
        depot->index = depots_made++;
        // mo: release, pairs slab.depot (find_depot).
        self.depot_.store(depot, std::memory_order_release);
        return depot;
    }

    /// The calling thread's magazines of `depot`, or nullptr when it must work on the depot
    /// directly.
    static pair_of_magazines* find_pair(slab::depot& depot) noexcept {
        if (cache_of_thread == nullptr) {
            if (is_cache_refused || !make_cache()) {
                return nullptr;
            }
        }
        pair_of_magazines& pair = cache_of_thread->pairs[depot.index];
        if (pair.home != nullptr) {
            return &pair;
        }
        auto* loaded = new (std::nothrow) slab::magazine;
        auto* spare = new (std::nothrow) slab::magazine;
        if (loaded == nullptr || spare == nullptr) {
            delete loaded;
            delete spare;
            return nullptr;
        }
        pair = {loaded, spare, &depot};
        return &pair;
    }

    static bool make_cache() noexcept {
        auto* cache = new (std::nothrow) thread_cache;
        if (cache != nullptr && at_thread_exit(return_cache, cache) == 0) {
            cache_of_thread = cache;
            return true;
        }
        delete cache;
        is_cache_refused = true;
        return false;
    }

    /// Makes a chunk and returns its pieces in one full magazine, or nullptr.
    static slab::magazine* make_chunk(slab& self, slab::depot& depot) noexcept {
        const size_t align = self.piece_align_ < 16 ? 16 : self.piece_align_;
        const size_t stride = (self.piece_bytes_ + align - 1) / align * align;
        // The chunk begins with the link of the chunk list, padded to keep the pieces aligned.
        const size_t chunk_bytes = align + stride * magazine_pieces;
        auto* filled = new (std::nothrow) slab::magazine;
        auto* memory = static_cast<char*>(std::aligned_alloc(align, chunk_bytes));
        if (filled == nullptr || memory == nullptr) {
            delete filled;
            std::free(memory);
            return nullptr;
        }
        std::memset(memory, 0, chunk_bytes);
        for (size_t i = magazine_pieces; i-- > 0;) {
            char* piece = memory + align + i * stride;
            poison(piece, self.piece_bytes_);
            filled->push(piece);
        }
        const std::lock_guard guard(depot.lock);
        std::memcpy(memory, &depot.chunks, sizeof depot.chunks);
        depot.chunks = memory;
        return filled;
    }

    /// Slow path of take: both magazines are empty. False when out of memory.
    static bool refill(slab& self, pair_of_magazines& pair) noexcept {
        slab::depot& depot = *pair.home;
        {
            const std::lock_guard guard(depot.lock);
            if (slab::magazine* stocked = depot.take_stocked(); stocked != nullptr) {
                depot.put(*pair.loaded);
                pair.loaded = stocked;
                return true;
            }
        }
        slab::magazine* fresh = make_chunk(self, depot);
        if (fresh == nullptr) {
            return false;
        }
        const std::lock_guard guard(depot.lock);
        depot.put(*pair.loaded);
        pair.loaded = fresh;
        return true;
    }

    static void* take_directly(slab& self, slab::depot& depot) noexcept {
        {
            const std::lock_guard guard(depot.lock);
            if (slab::magazine* stocked = depot.take_stocked(); stocked != nullptr) {
                void* piece = stocked->pop();
                depot.put(*stocked);
                return piece;
            }
        }
        slab::magazine* fresh = make_chunk(self, depot);
        if (fresh == nullptr) {
            return nullptr;
        }
        void* piece = fresh->pop();
        const std::lock_guard guard(depot.lock);
        depot.put(*fresh);
        return piece;
    }

    static void* take(slab& self) noexcept {
        slab::depot* depot = find_depot(self);
        if (depot == nullptr) {
            return nullptr;
        }
        pair_of_magazines* pair = find_pair(*depot);
        if (pair == nullptr) {
            return take_directly(self, *depot);
        }
        if (pair->loaded->is_empty()) {
            if (!pair->spare->is_empty()) {
                std::swap(pair->loaded, pair->spare);
            } else if (!refill(self, *pair)) {
                return nullptr;
            }
        }
        void* taken = pair->loaded->pop();
        if (!pair->loaded->is_empty()) {
            // The piece to be taken next was written last by whoever freed it.
            const char* next = static_cast<const char*>(pair->loaded->newest());
            prefetch_to_write(next);
            prefetch_to_write(next + 64);
            prefetch_to_write(next + 128);
        }
        return taken;
    }

    static void give(slab& self, void* piece) noexcept {
        slab::depot* depot = find_depot(self);
        pair_of_magazines* pair = find_pair(*depot);
        if (pair == nullptr) {
            const std::lock_guard guard(depot->lock);
            slab::magazine& roomy = depot->take_with_room();
            roomy.push(piece);
            depot->put(roomy);
            return;
        }
        if (pair->loaded->is_full()) {
            std::swap(pair->loaded, pair->spare);
            if (pair->loaded->is_full()) {
                const std::lock_guard guard(depot->lock);
                slab::magazine& roomy = depot->take_with_room();
                depot->put(*pair->loaded);
                pair->loaded = &roomy;
            }
        }
        pair->loaded->push(piece);
    }
};

void* slab::take() noexcept {
    void* piece = slab_access::take(*this);
    if (piece != nullptr) {
        unpoison(piece, piece_bytes_);
    }
    return piece;
}

namespace {

/// The pieces given back last, oldest first, in a ring.
struct waiting_room {
    struct guest {
        slab* home;
        void* piece;
    };

    spin_lock lock;
    std::vector<guest> ring; // guard (with next): lock; fixed size
    size_t next = 0;
};

constinit std::atomic<waiting_room*> quarantined{nullptr};

} // namespace

void slab::quarantine(size_t pieces) {
    auto* room = new waiting_room;
    room->ring.resize(pieces);
    waiting_room* nobody = nullptr;
    // mo: release, pairs slab.quarantine (give): the room is ready.
    if (!quarantined.compare_exchange_strong(
            nobody, room, std::memory_order_release, std::memory_order_relaxed)) {
        delete room;
    }
}

void slab::give(void* piece) noexcept {
    poison(piece, piece_bytes_);
    // mo: acquire, pairs slab.quarantine (quarantine).
    if (waiting_room* room = quarantined.load(std::memory_order_acquire); room != nullptr) {
        waiting_room::guest leaving{this, piece};
        {
            const std::lock_guard guard(room->lock);
            std::swap(leaving, room->ring[room->next]);
            room->next = (room->next + 1) % room->ring.size();
        }
        if (leaving.home != nullptr) {
            slab_access::give(*leaving.home, leaving.piece);
        }
        return;
    }
    slab_access::give(*this, piece);
}

} // namespace rp::kernel
