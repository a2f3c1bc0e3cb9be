//! Against real servers of our own. Skipped, loudly, where there are no server programs.

#[cfg(test)]
mod bed;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod observer;
#[cfg(test)]
mod write;
