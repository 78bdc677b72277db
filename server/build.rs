//! Makes a release build embed the page and the package as they are now.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A debug build reads them while it runs, so nothing needs to be built again.
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed=../www");
        println!("cargo:rerun-if-changed=../pkg");
    }
}
