//! Takes the web page into the program, if it was built: see `cargo xtask page`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Where Vite writes the page to.
const PAGE: &str = "page/dist";

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where this is"));
    let page = root.join(PAGE);
    // A page that is not there yet is noticed by its folder.
    println!("cargo::rerun-if-changed=page/index.html");
    println!("cargo::rerun-if-changed={PAGE}");
    let mut files = Vec::new();
    if page.join("index.html").is_file() {
        collect(&page, &mut files)?;
    }
    files.sort();
    let mut code = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&page).expect("it was found below the page");
        let name = name.to_str().ok_or_else(|| io::Error::other("a name is no UTF-8"))?;
        writeln!(code, "    ({name:?}, include_bytes!({file:?})),").expect("a string takes it");
    }
    code.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where to write"));
    fs::write(out.join("page.rs"), code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
