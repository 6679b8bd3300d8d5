// Counting, pools, text, lists, errors.
#include "core/object.h"

#include <algorithm>

namespace {

am_object* object_of(void* handle) {
  return static_cast<am_object*>(handle);
}
const am_object* object_of(const void* handle) {
  return static_cast<const am_object*>(handle);
}

}  // namespace

// A pool is a link in its thread's list. The list's head is a plain pointer: it still works inside
// the destructors of thread_local objects, where clients release the last of what they have.
struct am_pool : am_object {
  am_pool* outer = nullptr;
  std::vector<am_object*> objects;
  ~am_pool() override;
};

namespace {
thread_local am_pool* innermost = nullptr;
}

am_pool::~am_pool() {
  // Only if this pool is in this thread's list: one that another thread releases stays out of it.
  for (am_pool* pool = innermost; pool; pool = pool->outer) {
    if (pool != this) continue;
    while (innermost != this) {
      am_pool* inner = innermost;
      innermost = inner->outer;
      std::vector<am_object*> objects = std::move(inner->objects);
      for (am_object* object : objects) am_release(object);
    }
    innermost = outer;
    break;
  }
  for (size_t i = 0; i < objects.size(); ++i) am_release(objects[i]);
}

am_array::~am_array() {
  for (am_object* object : objects) am_release(object);
}

namespace anymetal::core {

void give(am_error** to, const Error& error) {
  if (!to) return;
  auto* made = new am_error;
  made->kind = static_cast<am_error_kind>(static_cast<int>(error.kind) + 1);
  made->text = error.text();
  *to = made;
}
static_assert(static_cast<int>(ErrorKind::user) + 1 == AM_ERROR_USER);
static_assert(static_cast<int>(ErrorKind::internal) + 1 == AM_ERROR_INTERNAL);

}  // namespace anymetal::core

extern "C" {

void* am_retain(void* object) {
  if (object) object_of(object)->references.fetch_add(1, std::memory_order_relaxed);
  return object;
}

void am_release(void* object) {
  if (object && object_of(object)->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete object_of(object);
}

uint64_t am_retain_count(const void* object) {
  return object ? object_of(object)->references.load() : 0;
}

void* am_autorelease(void* object) {
  if (object && innermost) innermost->objects.push_back(object_of(object));
  return object;
}

am_pool* am_pool_new(void) {
  auto* pool = new am_pool;
  pool->outer = innermost;
  innermost = pool;
  return pool;
}

void am_set_label(void* object, const char* label) {
  if (!object) return;
  std::lock_guard lock(object_of(object)->label_mutex);
  object_of(object)->label = anymetal::core::text_of(label);
}

const char* am_label(const void* object) {
  if (!object) return "";
  std::lock_guard lock(object_of(object)->label_mutex);
  return object_of(object)->label.c_str();
}

am_string* am_string_new(const char* text) {
  auto* string = new am_string;
  string->text = anymetal::core::text_of(text);
  return string;
}

am_string* am_string_new_with_length(const char* text, size_t bytes) {
  auto* string = new am_string;
  if (text) string->text.assign(text, bytes);
  return string;
}

const char* am_string_text(const am_string* string) {
  return string ? string->text.c_str() : nullptr;
}
size_t am_string_bytes(const am_string* string) {
  return string ? string->text.size() : 0;
}

am_array* am_array_new(const void* const* objects, size_t count) {
  auto* array = new am_array;
  for (size_t i = 0; objects && i < count; ++i)
    if (objects[i])  // a list holds no nulls, as in Foundation
      array->objects.push_back(object_of(am_retain(const_cast<void*>(objects[i]))));
  return array;
}

size_t am_array_count(const am_array* array) {
  return array ? array->objects.size() : 0;
}
void* am_array_at(const am_array* array, size_t index) {
  return array && index < array->objects.size() ? array->objects[index] : nullptr;
}

am_error* am_error_new(am_error_kind kind, const char* text) {
  auto* error = new am_error;
  error->kind = kind;
  error->text = anymetal::core::text_of(text);
  return error;
}
am_error_kind am_error_get_kind(const am_error* error) {
  return error ? error->kind : am_error_kind{};
}
const char* am_error_text(const am_error* error) {
  return error ? error->text.c_str() : nullptr;
}

}  // extern "C"
