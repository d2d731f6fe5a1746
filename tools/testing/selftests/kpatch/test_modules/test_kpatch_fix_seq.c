// SPDX-License-Identifier: GPL-2.0-only
/*
 * 6a2aeab59e97 ("seq_file: fix problem when seeking mid-record"): a file in /proc that
 * was read from the middle of a record repeated the record. What the fix changes is
 * static, and compilers inline or clone it: the patch replaces its callers, which most
 * reads from /proc and sysfs go through.
 */
#include <linux/fs.h>
#include <linux/kpatch.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uio.h>

static void *seq_buf_alloc(unsigned long size)
{
	if (unlikely(size > MAX_RW_COUNT))
		return NULL;

	return kvmalloc(size, GFP_KERNEL_ACCOUNT);
}

static int traverse(struct seq_file *m, loff_t offset)
{
	loff_t pos = 0;
	int error = 0;
	void *p;

	m->index = 0;
	m->count = 0;
	m->from = 0;
	if (!offset)
		return 0;

	if (!m->buf) {
		m->size = PAGE_SIZE;
		m->buf = seq_buf_alloc(m->size);
		if (!m->buf)
			return -ENOMEM;
	}
	p = m->op->start(m, &m->index);
	while (p) {
		error = PTR_ERR(p);
		if (IS_ERR(p))
			break;
		error = m->op->show(m, p);
		if (error < 0)
			break;
		if (unlikely(error)) {
			error = 0;
			m->count = 0;
		}
		if (seq_has_overflowed(m))
			goto overflow;
#ifndef WITH_BUG
		p = m->op->next(m, p, &m->index);
#endif
		if (pos + m->count > offset) {
			m->from = offset - pos;
			m->count -= m->from;
			break;
		}
		pos += m->count;
		m->count = 0;
#ifdef WITH_BUG
		p = m->op->next(m, p, &m->index);
#endif
		if (pos == offset)
			break;
	}
	m->op->stop(m, p);
	return error;

overflow:
	m->op->stop(m, p);
	kvfree(m->buf);
	m->count = 0;
	m->size <<= 1;
	m->buf = seq_buf_alloc(m->size);
	return !m->buf ? -ENOMEM : -EAGAIN;
}

static ssize_t new_seq_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct seq_file *m = iocb->ki_filp->private_data;
	size_t copied = 0;
	size_t n;
	void *p;
	int err = 0;

	if (!iov_iter_count(iter))
		return 0;

	mutex_lock(&m->lock);

	if (iocb->ki_pos == 0) {
		m->index = 0;
		m->count = 0;
	}

	if (unlikely(iocb->ki_pos != m->read_pos)) {
		do {
			err = traverse(m, iocb->ki_pos);
		} while (err == -EAGAIN);
		if (err) {
			m->read_pos = 0;
			m->index = 0;
			m->count = 0;
			goto done;
		}
		m->read_pos = iocb->ki_pos;
	}

	if (!m->buf) {
		m->size = PAGE_SIZE;
		m->buf = seq_buf_alloc(m->size);
		if (!m->buf)
			goto no_memory;
	}
	/* First what is left in the buffer. */
	if (m->count) {
		n = copy_to_iter(m->buf + m->from, m->count, iter);
		m->count -= n;
		m->from += n;
		copied += n;
		if (m->count)
			goto done;
	}
	/* Get a record that is not empty into the buffer. */
	m->from = 0;
	p = m->op->start(m, &m->index);
	while (1) {
		err = PTR_ERR(p);
		if (!p || IS_ERR(p))
			break;
		err = m->op->show(m, p);
		if (err < 0)
			break;
		if (unlikely(err))
			m->count = 0;
		if (unlikely(!m->count)) {
			p = m->op->next(m, p, &m->index);
			continue;
		}
		if (!seq_has_overflowed(m))
			goto fill;
		m->op->stop(m, p);
		kvfree(m->buf);
		m->count = 0;
		m->size <<= 1;
		m->buf = seq_buf_alloc(m->size);
		if (!m->buf)
			goto no_memory;
		p = m->op->start(m, &m->index);
	}
	m->op->stop(m, p);
	m->count = 0;
	goto done;
fill:
	/* Add as many records as fit. */
	while (1) {
		size_t offs = m->count;
		loff_t pos = m->index;

		p = m->op->next(m, p, &m->index);
		if (pos == m->index) {
			pr_info_ratelimited("buggy .next function %ps did not update position index\n",
					    m->op->next);
			m->index++;
		}
		if (!p || IS_ERR(p))
			break;
		if (m->count >= iov_iter_count(iter))
			break;
		err = m->op->show(m, p);
		if (err > 0) {
			m->count = offs;
		} else if (err || seq_has_overflowed(m)) {
			m->count = offs;
			break;
		}
	}
	m->op->stop(m, p);
	n = copy_to_iter(m->buf, m->count, iter);
	copied += n;
	m->count -= n;
	m->from = n;
done:
	if (unlikely(!copied)) {
		copied = m->count ? -EFAULT : err;
	} else {
		iocb->ki_pos += copied;
		m->read_pos += copied;
	}
	mutex_unlock(&m->lock);
	return copied;
no_memory:
	err = -ENOMEM;
	goto done;
}

static loff_t new_seq_lseek(struct file *file, loff_t offset, int whence)
{
	struct seq_file *m = file->private_data;
	loff_t retval = -EINVAL;

	mutex_lock(&m->lock);
	switch (whence) {
	case SEEK_CUR:
		offset += file->f_pos;
		fallthrough;
	case SEEK_SET:
		if (offset < 0)
			break;
		retval = offset;
		if (offset != m->read_pos) {
			do {
				retval = traverse(m, offset);
			} while (retval == -EAGAIN);
			if (retval) {
				file->f_pos = 0;
				m->read_pos = 0;
				m->index = 0;
				m->count = 0;
			} else {
				m->read_pos = offset;
				file->f_pos = offset;
				retval = offset;
			}
		} else {
			file->f_pos = offset;
		}
	}
	mutex_unlock(&m->lock);
	return retval;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(seq_read_iter, new_seq_read_iter),
	KPATCH_FUNC(seq_lseek, new_seq_lseek),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: reads from the middle of a file in /proc");
MODULE_LICENSE("GPL");
