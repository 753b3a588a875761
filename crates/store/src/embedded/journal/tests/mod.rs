//! The journal under a disk that does everything a disk may do.

mod damage;
mod disk;
mod histories;
mod rig;
