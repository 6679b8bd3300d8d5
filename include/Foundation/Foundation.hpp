// The NS:: part of a metal-cpp program, over the C core of anymetal: same names and semantics, no
// Objective-C.
//
// An object of these classes is a handle of anymetal/core.h: the classes have no data, are never
// constructed, and every member function hands `this` to the core, which takes null. So, as in
// Objective-C, a message to nil does nothing and gives 0, false or nil. Programs that test `this`
// or call through null on purpose want -fno-delete-null-pointer-checks.
#pragma once

#include <anymetal/core.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>
#include <utility>

#ifndef nil
#define nil nullptr
#endif

namespace NS {

using UInteger = std::uintptr_t;
using Integer = std::intptr_t;
using TimeInterval = double;
using unichar = std::uint16_t;

inline constexpr Integer IntegerMax = INTPTR_MAX;
inline constexpr Integer IntegerMin = INTPTR_MIN;
inline constexpr UInteger UIntegerMax = UINTPTR_MAX;

enum StringEncoding : UInteger {
  ASCIIStringEncoding = 1,
  UTF8StringEncoding = 4,
};

struct Range {
  UInteger location, length;
  Range() = default;
  Range(UInteger first, UInteger count) : location(first), length(count) {}
  static Range Make(UInteger first, UInteger count) { return {first, count}; }
  bool Equal(const Range& other) const {
    return location == other.location && length == other.length;
  }
  UInteger Max() const { return location + length; }
};

class Array;
class Error;
class String;

class Object {
 public:
  Object() = delete;
  ~Object() = delete;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  UInteger hash() const { return reinterpret_cast<UInteger>(this); }
  bool isEqual(const Object* other) const { return hash() == reinterpret_cast<UInteger>(other); }

 protected:
  template <class Handle>
  Handle* handle() const {
    return reinterpret_cast<Handle*>(const_cast<Object*>(this));
  }
  template <class T>
  static T* autoreleased(void* object) {
    return reinterpret_cast<T*>(am_autorelease(object));
  }
  static void give(am_error* from, Error** to) {
    if (!from) return;
    am_autorelease(from);
    if (to) *to = reinterpret_cast<Error*>(from);
  }
};

template <class Class, class Base = Object>
class Referencing : public Base {
 public:
  Class* retain() { return reinterpret_cast<Class*>(am_retain(this)); }
  void release() { am_release(this); }
  Class* autorelease() { return reinterpret_cast<Class*>(am_autorelease(this)); }
  UInteger retainCount() const { return am_retain_count(this); }
};

/// For objects that never change, so that a copy is the object.
template <class Class, class Base = Object>
class Copying : public Referencing<Class, Base> {
 public:
  Class* copy() const { return reinterpret_cast<Class*>(am_retain(const_cast<Copying*>(this))); }
};

/// Owns one reference.
template <class Class>
class SharedPtr {
 public:
  SharedPtr() = default;
  SharedPtr(std::nullptr_t) noexcept {}
  SharedPtr(const SharedPtr& other) noexcept : object_(other.object_) { retain(); }
  SharedPtr(SharedPtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class Other, class = std::enable_if_t<std::is_convertible_v<Other*, Class*>>>
  SharedPtr(const SharedPtr<Other>& other) noexcept : object_(other.get()) {
    retain();
  }
  template <class Other, class = std::enable_if_t<std::is_convertible_v<Other*, Class*>>>
  SharedPtr(SharedPtr<Other>&& other) noexcept : object_(other.get()) {
    other.detach();
  }
  ~SharedPtr() { reset(); }
  SharedPtr& operator=(const SharedPtr& other) noexcept {
    SharedPtr(other).swap(*this);
    return *this;
  }
  SharedPtr& operator=(SharedPtr&& other) noexcept {
    SharedPtr(std::move(other)).swap(*this);
    return *this;
  }

  Class* get() const { return object_; }
  Class* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  void reset() {
    if (Class* object = std::exchange(object_, nullptr))
      am_release(const_cast<std::remove_cv_t<Class>*>(object));
  }
  /// Lets go of the object without releasing it.
  void detach() { object_ = nullptr; }
  void swap(SharedPtr& other) noexcept { std::swap(object_, other.object_); }

 private:
  template <class T>
  friend SharedPtr<T> TransferPtr(T*);
  void retain() {
    if (object_) am_retain(const_cast<std::remove_cv_t<Class>*>(object_));
  }
  Class* object_ = nullptr;
};

/// Takes over the caller's reference.
template <class Class>
SharedPtr<Class> TransferPtr(Class* object) {
  SharedPtr<Class> result;
  result.object_ = object;
  return result;
}
/// Adds a reference.
template <class Class>
SharedPtr<Class> RetainPtr(Class* object) {
  if (object) am_retain(const_cast<std::remove_cv_t<Class>*>(object));
  return TransferPtr(object);
}
template <class A, class B>
bool operator==(const SharedPtr<A>& a, const SharedPtr<B>& b) {
  return a.get() == b.get();
}
template <class A, class B>
bool operator!=(const SharedPtr<A>& a, const SharedPtr<B>& b) {
  return a.get() != b.get();
}

/// Objects that a function lends live until the innermost pool of the thread is released.
class AutoreleasePool : public Referencing<AutoreleasePool> {
 public:
  static AutoreleasePool* alloc() { return reinterpret_cast<AutoreleasePool*>(am_pool_new()); }
  AutoreleasePool* init() { return this; }
  void drain() { release(); }
  void addObject(Object* object) { am_autorelease(object); }
};

class String : public Copying<String> {
 public:
  static String* string() { return autoreleased<String>(am_string_new("")); }
  static String* string(const String* text) {
    return autoreleased<String>(am_string_new(text->utf8String()));
  }
  static String* string(const char* text, StringEncoding) {
    return autoreleased<String>(am_string_new(text));
  }

  static String* alloc() { return reinterpret_cast<String*>(am_string_new("")); }
  String* init() { return this; }
  String* init(const char* text, StringEncoding) {
    am_release(this);
    return reinterpret_cast<String*>(am_string_new(text));
  }
  String* init(const String* text) { return init(text->utf8String(), UTF8StringEncoding); }

  const char* utf8String() const { return am_string_text(handle<am_string>()); }
  const char* cString(StringEncoding) const { return utf8String(); }
  /// In UTF-16 units, as Foundation counts.
  UInteger length() const {
    UInteger units = 0;
    const char* text = utf8String();
    for (UInteger i = 0, n = lengthOfBytes(UTF8StringEncoding); i < n; ++i) {
      auto byte = static_cast<unsigned char>(text[i]);
      units += (byte & 0xC0) != 0x80;  // a new character
      units += byte >= 0xF0;           // outside the first 65,536: a pair
    }
    return units;
  }
  UInteger lengthOfBytes(StringEncoding) const { return am_string_bytes(handle<am_string>()); }
  UInteger maximumLengthOfBytes(StringEncoding) const { return lengthOfBytes(UTF8StringEncoding); }
  bool isEqualToString(const String* other) const {
    const char *a = utf8String(), *b = other->utf8String();
    return a && b && std::strcmp(a, b) == 0;
  }
};

#define MTLSTR(literal) ::NS::String::string("" literal "", ::NS::UTF8StringEncoding)

class Array : public Copying<Array> {
 public:
  static Array* array() { return array(nullptr, 0); }
  static Array* array(const Object* object) { return array(&object, 1); }
  static Array* array(const Object* const* objects, UInteger count) {
    return autoreleased<Array>(am_array_new(reinterpret_cast<const void* const*>(objects), count));
  }
  static Array* alloc() { return reinterpret_cast<Array*>(am_array_new(nullptr, 0)); }
  Array* init() { return this; }
  Array* init(const Object* const* objects, UInteger count) {
    am_release(this);
    return reinterpret_cast<Array*>(
        am_array_new(reinterpret_cast<const void* const*>(objects), count));
  }

  template <class T = Object>
  T* object(UInteger index) const {
    return reinterpret_cast<T*>(am_array_at(handle<am_array>(), index));
  }
  UInteger count() const { return am_array_count(handle<am_array>()); }
};

using ErrorDomain = String*;

class Error : public Copying<Error> {
 public:
  /// An am_error_kind.
  Integer code() const { return am_error_get_kind(handle<am_error>()); }
  ErrorDomain domain() const {
    return code() ? String::string("anymetal", UTF8StringEncoding) : nullptr;
  }
  /// The whole message: for Metal text with each place, its line and a caret.
  String* localizedDescription() const {
    const char* text = am_error_text(handle<am_error>());
    return text ? String::string(text, UTF8StringEncoding) : nullptr;
  }
};

}  // namespace NS
